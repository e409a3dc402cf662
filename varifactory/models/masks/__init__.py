"""Who finds the object: segmenters over segment_anything, transformers and onnxruntime."""
