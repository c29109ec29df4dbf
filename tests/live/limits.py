"""The numbers of common/base/limits.h, by their names."""
import os
import re

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    '../../common/base/limits.h')


def read():
    with open(PATH) as f:
        rows = re.findall(
            r'^#define (LIMIT_\w+)\s+'
            r'(\d+|\((?:INT64_C\()?(\d+)\)? << (\d+)\))', f.read(), re.M)
    return {name: int(a) << int(b) if a else int(text)
            for name, text, a, b in rows}


LIMITS = read()
