"""What the editor ``varireal`` is made of, besides the settings that every editor has."""

from typing import Annotated

from pydantic import Field, model_validator

from varifactory.recipe.part import Checkpoint, Guidance, Part, Steps


class VariReal(Part):
    """The paper's three edit recipes; ``edits.checkpoint`` is their SDXL inpainting.

    Names left empty are the paper's own; its Stable Diffusion 2.1 was withdrawn by its publisher
    in November 2025, so the usual name of that one is a mirror.
    """

    text_to_image: Checkpoint = Field(
        Checkpoint(), description="paints backgrounds and texture sheets; SD or SDXL"
    )
    background_steps: Steps = 20
    background_guidance: Guidance = 7.5
    sheet_steps: Steps = Field(15, description="steps of a texture sheet")
    sheet_guidance: Guidance = 7.5
    base: Checkpoint = Field(Checkpoint(), description="SDXL of the guided pass")
    controlnet: Checkpoint = Field(Checkpoint(), description="canny edges for SDXL")
    vae: Checkpoint = Field(Checkpoint(), description="autoencoder of the guided pass")
    ip_adapter: Checkpoint = Field(Checkpoint(), description="IP-Adapter for SDXL")
    ip_adapter_file: str = Field(
        "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors",
        description="within ip_adapter, unless that is a file itself",
    )
    image_encoder: Checkpoint = Field(Checkpoint(), description="the one the IP-Adapter reads")
    image_encoder_folder: str = Field(
        "models/image_encoder",
        description="within image_encoder, unless that holds a config.json itself",
    )
    guided_steps: Steps = Field(25, description="steps of the pass with ControlNet and IP-Adapter")
    guided_guidance: Guidance = 7.5
    control_scale: Annotated[float, Field(ge=0, le=2)] = Field(
        1.0, description="weight of the edges"
    )

    @model_validator(mode="after")
    def _what_works_together_computes_alike(self) -> "VariReal":
        parts = ("base", "controlnet", "vae", "ip_adapter", "image_encoder")
        dtypes = {name: getattr(self, name).dtype for name in parts}
        if len(set(dtypes.values())) > 1:
            raise ValueError(
                f"the parts of the guided pass must have one dtype, not {dtypes}: set all of "
                f"{', '.join(parts)} alike"
            )
        return self
