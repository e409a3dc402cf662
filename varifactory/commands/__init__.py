"""The commands of ``varifactory``, a file each; ``varifactory.command`` puts them together."""
