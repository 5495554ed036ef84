from ._caption import with_caption as with_caption
