"""What a card makes of the stages: real architectures, random weights, nothing downloaded."""
