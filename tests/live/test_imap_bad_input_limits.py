"""Bad input over IMAP: memory, time, and the classes of CVEs that concern
IMAP. Memory is the high-water mark of the programs as they are installed,
without sanitizers; the rest is as in test_imap_bad_input.py.

class of the cases                 shown by
smuggling, injection at STARTTLS   test_imap_bad_input: test_starttls_injection
TLS close_notify, then cleartext   Classes.test_close_notify
address special cases, shells      test_imap_bad_input: test_literal_names
parameter under- and overflow      test_imap_bad_input: test_literal_sizes,
                                   test_bad_sets, test_bad_partials; tests/fuzz
newlines into log and answers      Classes.test_newlines,
                                   test_imap_bad_input_mail: test_odd_headers
SASL reuse and abort               Classes.test_sasl_order
NUL in strings                     Classes.test_nul_everywhere
literal length, many literals      test_imap_bad_input: lines 1 to 5;
                                   Memory.test_refused_input
nesting                            Stack.test_small_stack, test_imap_bad_input:
                                   lines 17 to 19
quadratic work, hash flooding      tests/unit/test_linear.c;
                                   Memory.test_many_keys
regular expressions, $where        Classes.test_no_user_text_in_operators
decompression bombs                Memory.test_bomb, tests/fuzz/fuzz_deflate.c
user enumeration                   Timing.test_unknown_user,
                                   test_imap_bad_input_mail: test_unknown_user
plaintext-equivalent passwords     Classes.test_canary, test_imap_bad_input:
                                   test_unknown_mechanism
slow clients, floods               test_imap_bad_input_mail: lines 51 to 54
"""
import base64
import contextlib
import resource
import socket
import ssl
import time
import unittest
import zlib

import bson

from bad_input import ANN, MESSAGE, BadInput, line
from harness import Dialog, wait_for

MIB = 1 << 20
EVIL = b'x CREATE evil\r\n'


class Plain(BadInput):
    """The programs as they are installed."""
    build = ''

    def memory(self):
        """The most that any process of the last server ever had."""
        most = 0
        group = self.system.processes[-1].pid
        for stat in self.glob('/proc/[0-9]*/stat'):
            with contextlib.suppress(OSError):
                with open(stat) as f:
                    fields = f.read().rsplit(')', 1)[1].split()
                if int(fields[2]) != group:
                    continue
                with open(stat.replace('stat', 'status')) as f:
                    for entry in f:
                        if entry.startswith('VmHWM:'):
                            most = max(most, int(entry.split()[1]) * 1024)
        return most

    @staticmethod
    def glob(pattern):
        import glob
        return glob.glob(pattern)

    def fresh(self, user=ANN):
        """A session of a server of its own, so that its memory is known."""
        self.ports.clear()
        d = self.connect(user=user)
        if user:
            self.tell(d, f'CREATE {self.box}')
            self.ok(d, f'SELECT {self.box}')
        return d

    def is_flat(self, before, most=16 * MIB):
        after = self.memory()
        self.assertGreater(before, 0)
        self.assertLess(after - before, most)
        self.assertLess(after, 64 * MIB)

    def count(self, d, tag):
        """Reads an answer and forgets it; its lines."""
        lines = 0
        while True:
            text = d.line()
            lines += 1
            if not text or text.startswith(tag.encode() + b' '):
                return lines


class Memory(Plain):
    @line(13, 'memory of an endless line')
    @line(4, 'memory of a refused literal')
    def test_refused_input(self):
        for user in (ANN, None):
            d = self.fresh(user)
            before = self.memory()
            d.send(b'a NOOP {60000000+}\r\n')
            for _ in range(60):
                d.send(b'x' * 1000000)
            d.send(b'\r\n')
            self.assertIn(b'BAD', d.until('a'))
            self.is_sane(d)
            d.send(b'a NOOP ' + b'x' * 100000)
            if user:
                d.send(b'x' * 20000)
            self.is_flat(before)
            with contextlib.suppress(OSError):
                for _ in range(100):
                    d.send(b'x' * 100000)
            self.assertRegex(self.rest(d), rb'^(.* BYE .*\r\n)?$')

    def crowd(self, name, n):
        """n messages, by pages written by hand."""
        db = self.system.db
        folder = db.folders.find_one({'name': name})
        page = None
        while not page:
            page = db.pages.find_one({'folder': folder['_id']})
            if not page:
                d = self.connect()
                self.append(d, MESSAGE, 300)
                d.close()
        end = db.folders.find_one({'name': name})['uidnext']
        pages = []
        for lo in range(end, end + n, 256):
            entries = [dict(page['e'][0], u=lo + k, i=bson.ObjectId())
                       for k in range(256)]
            pages.append(dict(page, _id=bson.ObjectId(), lo=lo, hi=lo + 255,
                              n=256, e=entries))
        more = len(pages) * 256
        db.pages.insert_many(pages)
        db.folders.update_one({'_id': folder['_id']}, {
            '$inc': {'exists': more, 'uidnext': more, 'unseen': more},
            '$set': {'tail': []}})
        return more

    @line(20, 'UID FETCH 1:* of very many messages is streamed')
    def test_many_messages(self):
        d = self.fresh()
        n = self.crowd(self.box, 100000)
        self.ok(d, 'SELECT INBOX')
        self.ok(d, f'SELECT {self.box}')
        self.ok(d, 'UID SEARCH RETURN (COUNT) KEYWORD x')
        before = self.memory()
        for command in ('UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)',
                        'FETCH 1:* (UID FLAGS)'):
            d.send(f'a {command}\r\n')
            self.assertGreater(self.count(d, 'a'), n)
            self.is_flat(before, 8 * MIB)
        # "$" and long sets over them: minutes, if each were walked anew.
        self.ok(d, 'UID SEARCH RETURN (SAVE COUNT) NOT KEYWORD x')
        self.assertIn(b'COUNT 1', self.ok(
            d, 'SEARCH RETURN (COUNT) $ NOT KEYWORD x'))
        odd = ','.join(str(2 * i + 1) for i in range(10000))
        self.ok(d, f'SEARCH RETURN (COUNT) NOT UID {odd}')
        self.ok(d, f'SEARCH RETURN (COUNT) OR UID {odd[:20001]} KEYWORD x')

    def test_many_keys(self):
        """Thousands of keys over one message do not add up."""
        d = self.fresh()
        self.append(d, b'Subject: x\r\n\r\n' + b'y' * 70 + b'\r\n' +
                    b'z' * 100000)
        before = self.memory()
        keys = ' '.join(f'TEXT k{i}' for i in range(500))
        self.ok(d, 'SEARCH ' + ' '.join(
            f'NOT TEXT k{i}' for i in range(500)))
        self.no_hit(d, keys)
        self.is_flat(before)

    def no_hit(self, d, keys):
        self.assertIn(b'* SEARCH\r\n', self.ok(d, 'SEARCH ' + keys))

    def test_big_message(self):
        """In and out in blocks, also when all of it is a header."""
        for start in (b'Subject: x\r\n\r\n', b'X: y\r\n', b'Content-Type: '
                      b'message/rfc822\r\n\r\nX: y\r\n', b'Content-Type: '
                      b'text/plain; charset=utf-8\r\n\r\n\xc3\xa4'):
            d = self.fresh()
            before = self.memory()
            block = (b'\xc3\xa4' * 48 + b': \r\n') * 10000
            n = len(start) + 10 * len(block)
            d.send(f'a APPEND {self.box} {{{n}+}}\r\n'.encode() + start)
            for _ in range(10):
                d.send(block)
            d.send(b'\r\n')
            self.assertIn(b'a OK', d.until('a'))
            d.send(b'a FETCH * (BODY[] ENVELOPE BODYSTRUCTURE)\r\n')
            self.assertGreater(self.count(d, 'a'), 100000)
            self.no_hit(d, '* BODY nothing')
            self.no_hit(d, '* TEXT nothing')
            self.no_hit(d, '* HEADER X-Y nothing')
            self.is_flat(before, 40 * MIB)
            self.ok(d, 'STORE * +FLAGS (\\Deleted)')
            self.ok(d, 'EXPUNGE')

    def test_bomb(self):
        """What is compressed 1,000 to 1 meets the limits of what is not."""
        for text, want in (
                (b'a NOOP ' + b'x' * (20 * MIB), b'BYE'),
                (b'a NOOP {20000000+}\r\n' + b'x' * 20000000 +
                 b'\r\nb NOOP\r\n', b'a BAD .*\r\nb OK'),
                (b'a SEARCH' + b' TEXT {1000+}\r\n' * 2 + b'x' * MIB +
                 b'\r\n', b'BYE'),
                (b'a APPEND INBOX {70000000+}\r\n' + b'x' * 70000000 +
                 b'\r\nb NOOP\r\n', rb'a NO \[TOOBIG\].*\r\nb OK')):
            d = self.fresh()
            self.ok(d, 'COMPRESS DEFLATE')
            before = self.memory()
            pack = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = pack.compress(text) + pack.flush(zlib.Z_SYNC_FLUSH)
            self.assertLess(len(data), 200000)
            with contextlib.suppress(OSError):
                d.send(data)
            back, answer = zlib.decompressobj(-15), b''
            with contextlib.suppress(OSError):
                while b'b OK' not in answer:
                    part = d.sock.recv(65536)
                    if not part:
                        break
                    answer += back.decompress(part)
                    self.is_flat(before)
            if b'BYE' not in want:
                self.assertRegex(answer, want)
            self.assertNotIn(b'CREATE', answer)


class MemoryOfTheListener(Memory):
    form = 'fork'


class Timing(Plain):
    NAMES = (ANN, 'nobody@example.org', 'x@elsewhere.example')

    def times(self, least):
        for name in self.NAMES:
            d = self.connect(user=None)
            for _ in range(4):
                start = time.monotonic()
                self.no(d, f'LOGIN {name} wrong')
                took = time.monotonic() - start
                least[name] = min(took, least.get(name, took))

    def test_unknown_user(self):
        """Both cost a hash. The least of several tries, so that what else
        runs does not matter; without the hash it would be a tenth."""
        least = {}
        for _ in range(10):
            self.times(least)
            if max(least.values()) < 2 * min(least.values()):
                return
        self.fail(least)


class Stack(Plain):
    """With a stack of 1 MiB nothing that nests ends the process."""

    def test_small_stack(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (MIB, hard))
        try:
            d = Dialog(self.system, 'm3mta-imap', '--preauth', ANN)
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
        self.addCleanup(d.close)
        d.line()
        self.ok(d, f'CREATE {self.box}')
        self.ok(d, f'SELECT {self.box}')
        self.bad(d, 'NOOP ' + '(' * 60000)
        for n in (15, 1000, 10000):
            self.answer(d, 'SEARCH ' + 'NOT ' * n + 'ALL', b'(OK|BAD)')
            self.answer(d, 'SEARCH ' + 'OR ALL ' * (n // 2) + 'ALL',
                        b'(OK|BAD)')
        types = b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'
        for message in (types * 10000, b'Content-Type: message/rfc822\r\n'
                        b'\r\n' * 10000, b'From: ' + b'(' * 60000 + b'\r\n',
                        b'From: ' + b'a:' * 30000 + b'\r\n'):
            self.append(d, message)
        self.ok(d, 'FETCH 1:* (BODYSTRUCTURE ENVELOPE)')
        self.ok(d, 'FETCH 1:* BODY.PEEK[' + '1.' * 20 + 'MIME]')
        self.bad(d, 'FETCH 1:* BODY[' + '1.' * 900 + 'MIME]')
        for i in range(300):
            self.append(d, f'Message-ID: <{i}>\r\nReferences: <{i - 1}>\r\n'
                        '\r\n'.encode())
        self.ok(d, 'THREAD REFERENCES UTF-8 ALL')
        self.ok(d, 'LIST "" "' + '*%' * 10000 + '"')
        self.ok(d, 'LOGOUT')
        self.assertEqual(d.close(), 0)


class Classes(BadInput):
    def cleartext(self, d):
        """close_notify, and then clear text on the same connection."""
        d.file.close()
        d.sock.settimeout(10)
        with contextlib.suppress(OSError, ssl.SSLError, ValueError):
            d.sock.unwrap()
        raw = socket.socket(fileno=d.sock.detach())
        raw.settimeout(20)
        d.sock, d.file = raw, raw.makefile('rb')
        with contextlib.suppress(OSError):
            raw.sendall(EVIL * 10)
        with contextlib.suppress(OSError):
            self.assertNotIn(b'x OK', d.file.read())

    def test_close_notify(self):
        for state in (b'', b'a LOGIN {10}\r\n', b'a NOOP\r\n',
                      b'a IDLE\r\n', b'a APPEND INBOX {100}\r\nabc',
                      b'a NOOP ', b'a SELECT INBOX\r\n'):
            d = self.connect(user=None)
            self.ok(d, 'STARTTLS')
            self.encrypt(d)
            if state:
                if not state.startswith(b'a LOGIN'):
                    self.ok(d, f'LOGIN {ANN} secret')
                d.send(state)
                if b'\r\n' in state:
                    d.line()
            self.cleartext(d)
        self.assertNotIn('evil', self.boxes())
        self.assertIn(b'MESSAGES 0', self.ok(
            self.connect(), 'STATUS INBOX (MESSAGES)'))

    def test_newlines(self):
        """Line ends in names and passwords stay out of log and answers."""
        d = self.connect(user=None)
        name = b'ann\r\nevent=forged\r\n* BYE x\x1b[2J@example.org'
        text = self.no(d, b'LOGIN {%d+}\r\n%s {3+}\r\nx\r\n' %
                       (len(name), name))
        self.assertEqual(text.count(b'\r\n'), 1)
        token = base64.b64encode(b'\0' + name + b'\0x')
        self.no(d, b'AUTHENTICATE PLAIN ' + token)
        d = self.connect()
        for command in (b'SELECT', b'CREATE', b'STATUS', b'GETQUOTAROOT',
                        b'DELETE', b'SUBSCRIBE'):
            text = self.tell(d, command + b' {9+}\r\na\r\nx OK b' +
                             (b' (MESSAGES)' if command == b'STATUS'
                              else b''))
            self.assertRegex(text, rb'^a (NO|BAD) [^\r\n]*\r\n$')
        wait_for(lambda: 'login-failed' in self.system.logs(), 20)
        for entry in self.system.logs().splitlines():
            self.assertFalse(entry.startswith('event=forged'), entry)
            self.assertNotIn('\x1b', entry)

    def test_sasl_order(self):
        """Cancelled, failed, repeated, after success."""
        good = base64.b64encode(b'\0' + ANN.encode() + b'\0secret')
        bad = base64.b64encode(b'\0' + ANN.encode() + b'\0wrong')
        for first in (b'PLAIN', b'LOGIN', b'SCRAM-SHA-256'):
            d = self.connect(user=None)
            for answers in ([b'*'], [b'!'], [bad, bad], [b'', b'*'],
                            [b'biws', b'*']):
                d.send(b'a AUTHENTICATE ' + first + b'\r\n')
                for text in answers:
                    if not d.line().startswith(b'+'):
                        break
                    d.send(text + b'\r\n')
                else:
                    d.line()
            self.is_sane(d)
            self.bad(d, 'SELECT INBOX')
            self.ok(d, b'AUTHENTICATE PLAIN ' + good)
            for again in (b'AUTHENTICATE PLAIN ' + good,
                          b'AUTHENTICATE PLAIN', f'LOGIN {ANN} secret'):
                self.bad(d, again)
            self.ok(d, 'SELECT INBOX')

    def test_nul_everywhere(self):
        """In each argument of each command, in each kind of string."""
        commands = (
            'SELECT @', 'EXAMINE @', 'CREATE @', 'DELETE @', 'RENAME @ x',
            'RENAME x @', 'SUBSCRIBE @', 'UNSUBSCRIBE @', 'LIST @ *',
            'LIST "" @', 'LSUB "" @', 'STATUS @ (MESSAGES)',
            'STATUS INBOX (@)', 'ENABLE @', 'ID ("a" @)', 'ID (@ "a")',
            'COMPRESS @', 'GETQUOTA @', 'GETQUOTAROOT @',
            'SETQUOTA @ (STORAGE 1)', 'GETMETADATA @ /private/comment',
            'GETMETADATA "" @', 'SETMETADATA "" (@ "x")',
            'SETMETADATA @ (/private/comment "x")', 'FETCH @ FLAGS',
            'FETCH 1 @', 'FETCH 1 BODY[HEADER.FIELDS (@)]',
            'STORE 1 FLAGS (@)', 'STORE @ FLAGS ()', 'COPY 1 @', 'MOVE 1 @',
            'SEARCH TEXT @', 'SEARCH HEADER @ x', 'SEARCH KEYWORD @',
            'SEARCH CHARSET @ ALL', 'SORT (@) UTF-8 ALL',
            'SORT (DATE) @ ALL', 'THREAD @ UTF-8 ALL', 'APPEND @ {1+}\r\nx',
            'APPEND INBOX (@) {1+}\r\nx', 'APPEND INBOX @ {1+}\r\nx')
        d = None
        for i, command in enumerate(commands):
            if i % 12 == 0:
                d = self.select(messages=1)
            for text in (b'"a\0b"', b'a\0b', b'{3+}\r\na\0b'):
                self.answer(d, command.encode().replace(b'@', text),
                            b'(BAD|NO)')
        # A value may have any octet.
        self.ok(d, b'SETMETADATA "" (/private/comment ~{3+}\r\na\0b)')
        self.is_sane(d)

    def test_no_user_text_in_operators(self):
        """What a client asks for is data to the database: it is part of no
        name, and of no expression, where a text that begins with '$' would
        be a path or a variable."""
        db = self.system.db
        d = self.select(messages=1)
        db.command('profile', 2)
        self.addCleanup(db.command, 'profile', 0)
        for text in ('$where-zq', '{"$gt": "zq"}', '(a+zq)+$', '.*zq',
                     '$ne.zq', '$$NOW.zq', '$zq'):
            quoted = '"' + text.replace('"', '\\"') + '"'
            for command in ('LIST "" @', 'SEARCH TEXT @', 'STATUS @ (UIDNEXT)',
                            'CREATE @', 'SELECT @', 'SUBSCRIBE @', 'DELETE @',
                            'GETQUOTAROOT @', 'GETMETADATA @ /private/x',
                            'SETMETADATA "" (/private/comment @)',
                            'SETACL INBOX @ lr', 'RENAME @ y',
                            'APPEND @ {1+}\r\nx', 'COPY 1 @'):
                self.tell(d, command.replace('@', quoted))
            self.ok(d, f'SELECT {self.box}')
            self.tell(d, r'STORE 1 +FLAGS ($zq $where-zq $$NOW.zq)')
            self.tell(self.connect(user=None), f'LOGIN {quoted} {quoted}')
        db.command('profile', 0)
        values = 0
        for entry in db['system.profile'].find():
            for kind, text in self.words(entry.get('command', {})):
                values += kind == 'value' and 'zq' in text
                if kind != 'value':
                    self.assertNotIn('zq', text, (kind, entry['command']))
                if kind == 'name':
                    self.assertNotIn(text, ('$where', '$regex', '$function',
                                            '$accumulator'))
        self.assertGreater(values, 20)

    def words(self, value, place='value'):
        """(name, value or expression; the text) of all in a command."""
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, list):
            for inner in value:
                yield from self.words(inner, place)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield 'name', key
                yield from self.words(inner, self.place(key, inner, place))

    @staticmethod
    def place(key, value, outer):
        """What is below a name: expressions are in $expr, in the stages of
        an aggregation but $match, and in an update that is a list."""
        if key in ('$literal', '$match'):
            return 'value'
        if key in ('$expr', 'pipeline') or (
                key in ('u', 'update') and isinstance(value, list)):
            return 'expression'
        return outer

    def test_canary(self):
        """A password is in no document and in no line of the log."""
        canary = 'canary-7c1e99'
        name = f'canary-{self.form}@example.org'
        self.system.add_mailbox(name, password=canary)
        token = base64.b64encode(f'\0{name}\0{canary}'.encode()).decode()
        for command in (f'LOGIN {name} {canary}', f'LOGIN {name} {canary}x',
                        f'AUTHENTICATE PLAIN {token}',
                        f'LOGIN {canary} {name}'):
            self.tell(self.connect(user=None), command)
        needle = canary.encode()
        for collection in self.system.db.list_collection_names():
            if collection == 'limits' or collection.startswith('system.'):
                continue
            for document in self.system.db[collection].find():
                self.assertNotIn(needle, bson.encode(document))
        for entry in self.system.logs().splitlines():
            # The last try had it for a name.
            if f'name={canary}' not in entry:
                self.assertNotIn(canary + 'x', entry)
                self.assertNotIn(token, entry)


class ClassesOfTheListener(Classes):
    form = 'fork'


if __name__ == '__main__':
    unittest.main()
