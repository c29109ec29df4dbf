"""Maildirs for the tests: making, changing and comparing them."""
import collections
import os
import re

# What clients put into their copies, to find them again.
MARKS = re.compile(rb'^(X-TUID|X-OfflineIMAP): [^\n]*\n', re.MULTILINE)


def message(number, chance):
    """Not two alike; some long, some with octets over 127."""
    body = []
    for _ in range(chance.choice((1, 5, 40, 400))):
        body.append(chance.choice((
            'plain text of no great interest', '.', '..', 'From me to you',
            'Grüße, 日本語 🎉', 'x' * 300, '', '\ttab and blank ')))
    return (f'From: s@example.net\nTo: ann@example.org\n'
            f'Subject: message {number}\n'
            f'Message-ID: <{number}.{chance.getrandbits(48)}@example.net>\n'
            f'Date: Wed, 25 Nov 2026 01:02:{number % 60:02} +0000\n'
            'Content-Type: text/plain; charset=utf-8\n'
            'Content-Transfer-Encoding: 8bit\n\n' +
            '\n'.join(body) + f'\nend {number}\n').encode()


def number(text):
    """That of message()."""
    return int(text[text.rindex(b'\nend ') + 5:])


class Maildir:
    """One folder: path/cur, path/new, path/tmp."""
    serial = 0

    def __init__(self, path):
        self.path = path
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(f'{path}/{sub}', exist_ok=True)

    def add(self, text, flags=''):
        Maildir.serial += 1
        name = f'1764000000.M{Maildir.serial}P1.test:2,{flags}'
        with open(f'{self.path}/tmp/{name}', 'wb') as f:
            f.write(text)
        os.rename(f'{self.path}/tmp/{name}', f'{self.path}/cur/{name}')

    def files(self):
        return sorted(f'{self.path}/{sub}/{name}' for sub in ('cur', 'new')
                      for name in os.listdir(f'{self.path}/{sub}')
                      if not name.startswith('.'))

    @staticmethod
    def flags(path):
        return ''.join(sorted(path.rpartition(':2,')[2])) \
            if ':2,' in path else ''

    def set_flags(self, path, flags):
        base = os.path.basename(path).partition(':2,')[0]
        os.rename(path, f'{self.path}/cur/{base}:2,{flags}')

    def contents(self):
        """How often each (message, flags) is there."""
        count = collections.Counter()
        for path in self.files():
            with open(path, 'rb') as f:
                text = f.read().replace(b'\r\n', b'\n')
            count[MARKS.sub(b'', text), self.flags(path)] += 1
        return count


def folders(root):
    """{name: Maildir} of a tree of folders, as mbsync's Verbatim has it."""
    found = {}
    for path, subs, _ in os.walk(root):
        if {'cur', 'new', 'tmp'} <= set(subs):
            found[os.path.relpath(path, root)] = Maildir(path)
    return found


def tree_contents(root):
    return {name: folder.contents()
            for name, folder in folders(root).items()}
