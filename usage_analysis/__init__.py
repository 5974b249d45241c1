"""How your Ultravox voice agents' calls go.

>>> import usage_analysis as ua
"""
