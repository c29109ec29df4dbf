"""The corpus in our server and in Dovecot: what each answers to FETCH,
SEARCH, SORT and THREAD, and where they differ.

`differences.txt` lists the differences that stay, each under the text that
decides it for us. A line of it is a message, an item and a digest of our
answer, so that the answer cannot change unseen either.
"""
import datetime
import hashlib
import os
import re

import corpus
import searches

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, 'differences.txt')
MAILBOX = 'Archive'
TOKEN = re.compile(
    rb'\(|\)| |"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|'
    rb'([A-Za-z0-9.]+\[[^\]]*\](?:<\d+>)?)|([^() "{]+)', re.S)
WHOLE = ('RFC822.SIZE', 'INTERNALDATE', 'FLAGS', 'ENVELOPE', 'BODY',
         'BODYSTRUCTURE', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT',
         'BODY.PEEK[]', 'BODY.PEEK[HEADER]', 'BODY.PEEK[TEXT]',
         'BODY.PEEK[HEADER.FIELDS (SUBJECT From X-None)]',
         'BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT RECEIVED)]',
         'BODY.PEEK[]<0.20>', 'BODY.PEEK[]<7.33>', 'BODY.PEEK[]<100000.5>',
         'BODY.PEEK[TEXT]<3.10>', 'BODY.PEEK[HEADER]<5.100>',
         'BODY.PEEK[1]', 'BODY.PEEK[1.MIME]', 'BODY.PEEK[2]')
OF_PART = ('BODY.PEEK[{}]', 'BODY.PEEK[{}.MIME]', 'BODY.PEEK[{}]<2.9>')
OF_MESSAGE = ('BODY.PEEK[{}.HEADER]', 'BODY.PEEK[{}.TEXT]',
              'BODY.PEEK[{}.HEADER.FIELDS (SUBJECT)]',
              'BODY.PEEK[{}.HEADER.FIELDS.NOT (SUBJECT)]')


def parse(text):
    """The lists, strings (octets), and atoms (str) of an answer."""
    stack, pos = [[]], 0
    while pos < len(text):
        m = TOKEN.match(text, pos)
        if not m:
            raise ValueError(f'{text[pos:pos + 80]!r} in {text[:200]!r}')
        pos = m.end()
        if m.group() == b'(':
            stack.append([])
        elif m.group() == b')':
            done = stack.pop()
            stack[-1].append(done)
        elif m.group(1) is not None:
            stack[-1].append(re.sub(rb'\\(.)', rb'\1', m.group(1)))
        elif m.group(2):
            size = int(m.group(2))
            stack[-1].append(text[pos:pos + size])
            pos += size
        elif m.group() != b' ':
            stack[-1].append(m.group().decode())
    if len(stack) != 1:
        raise ValueError(f'unbalanced: {text[:200]!r}')
    return stack[0]


class Server:
    """A session on one of the two, with the corpus in a mailbox."""

    def __init__(self, dialog, address, password):
        self.dialog = dialog
        self.n = 0
        dialog.line()
        self.do(f'LOGIN {address} {password}')

    def do(self, command):
        """Untagged lines and the tagged one."""
        self.n += 1
        tag = f't{self.n}'
        self.dialog.send(tag.encode() + b' ' + (
            command if isinstance(command, bytes) else command.encode())
            + b'\r\n')
        text = self.dialog.until(tag)
        at = text.rfind(b'\r\n' + tag.encode() + b' ')
        cut = at + 2 if at >= 0 else 0
        if not text[cut:].startswith(tag.encode()):
            raise RuntimeError(f'{command}: connection closed')
        return text[:cut], text[cut + len(tag) + 1:].decode().strip()

    def append(self, i, name, text):
        head = f'APPEND {MAILBOX} {searches.flags(i)} ' \
               f'"{searches.date(i)}" {{{len(text)}+}}\r\n'
        _, status = self.do(head.encode() + text)
        if not status.startswith('OK'):
            raise RuntimeError(f'APPEND of {name}: {status}')

    def fill(self, messages):
        for i, (name, text) in enumerate(messages):
            self.append(i, name, text)
        _, status = self.do(f'EXAMINE {MAILBOX}')
        if not status.startswith('OK'):
            raise RuntimeError(status)

    def fetch(self, number, items):
        """item -> value; an item that was refused has its word instead."""
        lines, status = self.do(f'FETCH {number} ({" ".join(items)})')
        if not status.startswith('OK'):
            if len(items) == 1:
                return {items[0]: status.split()[0]}
            found = {}
            for item in items:
                found.update(self.fetch(number, [item]))
            return found
        found = {}
        for m in re.finditer(rb'(?:\A|\r\n)\* (\d+) FETCH ', lines):
            if int(m.group(1)) != number:
                continue
            end = lines.rindex(b'\r\n')
            values = parse(lines[m.end():end])[0]
            found = dict(zip(map(str.upper, values[::2]), values[1::2]))
            break
        return {i: found.get(answer_name(i), 'no answer') for i in items}

    def answer(self, command):
        lines, status = self.do(command)
        if not status.startswith('OK'):
            return re.match(r'(BAD|NO( \[[A-Z]+)?)', status).group()
        verb = command.split()[0] if isinstance(command, str) \
            else command.split()[0].decode()
        for line in lines.split(b'\r\n'):
            if line.startswith(b'* ' + verb.encode()):
                return line[3 + len(verb):].decode().strip()
        return 'no answer'


def answer_name(item):
    """How the answer names an item of FETCH."""
    name = item.replace('.PEEK', '').upper()
    return re.sub(r'<(\d+)\.\d+>', r'<\1>', name)


def numbers(body, prefix=''):
    """(part number, is it a message) of all parts of a BODYSTRUCTURE."""
    if not isinstance(body, list) or not body:
        return
    if isinstance(body[0], list):
        for i, child in enumerate(body):
            if not isinstance(child, list) or not child:
                break
            yield from one_part(child, f'{prefix}{i + 1}')
    else:
        yield from one_part(body, prefix + '1')


def one_part(body, number):
    if not body or not isinstance(body[0], (list, bytes)):
        return
    if isinstance(body[0], list):
        yield number, False
        yield from numbers(body, number + '.')
        return
    is_message = body[0].lower() == b'message' and len(body) > 8 and \
        isinstance(body[8], list) and body[1].lower() in (b'rfc822',
                                                           b'global')
    yield number, is_message
    if is_message:
        yield from numbers(body[8], number + '.')


def part_items(*structures):
    seen = {}
    for body in structures:
        for number, is_message in numbers(body):
            seen[number] = seen.get(number, False) or is_message
    items = []
    for number, is_message in list(seen.items())[:60]:
        items += [i.format(number) for i in OF_PART +
                  (OF_MESSAGE if is_message else ())]
    return [i for i in items if i not in WHOLE]


def is_same(item, mine, other):
    """INTERNALDATE may be told in any zone (RFC 3501 2.3.3). A part that
    does not exist is NIL here and empty there; RFC 3501 allows both."""
    if item == 'INTERNALDATE':
        mine, other = (datetime.datetime.strptime(
            text.decode().strip(), '%d-%b-%Y %H:%M:%S %z')
            for text in (mine, other))
    if item.startswith('BODY.PEEK') and (mine, other) == ('NIL', b''):
        return True
    return mine == other


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def differences(ours, theirs, messages):
    """(name, item, our value, their value) of all that differ, and how many
    answers were compared."""
    found, count = [], 0
    for i, (name, _) in enumerate(messages):
        a, b = (s.fetch(i + 1, WHOLE) for s in (ours, theirs))
        more = part_items(a['BODYSTRUCTURE'], b['BODYSTRUCTURE'])
        if more:
            a.update(ours.fetch(i + 1, more))
            b.update(theirs.fetch(i + 1, more))
        count += len(a)
        found += [(name, item, a[item], b[item]) for item in a
                  if not is_same(item, a[item], b[item])]
    for command in searches.all_commands():
        count += 1
        found += judge_command(ours, theirs, messages, command)
    return found, count


def judge_command(ours, theirs, messages, command):
    a, b = ours.answer(command), theirs.answer(command)
    text = command if isinstance(command, str) else \
        command.decode('utf-8', 'backslashreplace')
    text = text.replace('\r\n', ' ')
    if a == b:
        return
    if not command[:6] in ('SEARCH', b'SEARCH') or \
            not re.fullmatch('[0-9 ]*', a + b):
        yield '*', text, a, b
        return
    mine, other = set(a.split()), set(b.split())
    for n in sorted(mine ^ other, key=int):
        yield (messages[int(n) - 1][0], text, 'found' if n in mine
               else 'not found', 'found' if n in other else 'not found')


def listed():
    """(name, item) -> digest of our answer."""
    known = {}
    with open(LIST, encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, mark, item = line.rstrip('\n').split('\t')
                known[name, item] = mark
    return known


def judge(found):
    """What is wrong: unlisted differences, changed answers, stale lines."""
    known, wrong = listed(), []
    for name, item, mine, other in found:
        mark = known.pop((name, item), None)
        line = f'{name}\t{digest(mine)}\t{item}'
        if mark is None:
            wrong.append(f'not listed:\n{line}\n  ours    {mine!r}\n'
                         f'  Dovecot {other!r}')
        elif mark != digest(mine):
            wrong.append(f'listed, but our answer changed:\n{line}\n'
                         f'  ours    {mine!r}\n  Dovecot {other!r}')
    return wrong + [f'listed, but there is no difference:\n{name}\t'
                    f'{mark}\t{item}' for (name, item), mark in
                    known.items()]
