"""What leaves the store in other forms: a data set's gallery, and copies for other libraries."""

from varifactory.exports.gallery import export_gallery, gallery_facts, judges_named

__all__ = ["export_gallery", "gallery_facts", "judges_named"]
