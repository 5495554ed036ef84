"""Blocks whose name several families use, a module a family: `blocks.mobilenetv3.InvertedResidual` say."""
