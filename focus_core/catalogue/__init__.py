"""What there is to choose from: one frozen object for each thing that has a name, and what fits what. No torch.

Code that needs torch is named by its path, "module:function", and imported where it is called. Nothing outside this
folder compares with such a name: it asks the object.
"""
