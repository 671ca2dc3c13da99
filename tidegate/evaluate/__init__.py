"""The evaluation: the production policy and its rivals in the toy world of `lab.simulation`.

It needs numpy: the extra `evaluate`.
"""
