"""The language of Azure Resource Manager's templates: expressions, and the documents that they stand in. Without Django.

`expressions` reads the text between brackets into nodes, `evaluation` computes their values, `functions` has what they may call.
Sources: Microsoft's pages "Syntax and expressions in ARM templates" and "ARM template functions".
"""
