"""placeholder"""


def sweep_page(folder, inputs, objects):
    return "x"
