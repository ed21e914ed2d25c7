"""What can be chosen: one frozen object holds all facts about one thing that has a name.

Command line, form, YAML validation, pages, record and estimates use it; nothing outside this folder compares with a
name (`tests/project/test_names_stay_in_the_catalogue.py`). It needs no torch: code that does is named by its path,
"module:function", and imported when it is first called.
"""
