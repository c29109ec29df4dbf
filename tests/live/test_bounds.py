"""What one client can use up: the memory of its session, before and after
the login, whatever it sends. Each input is answered, and the session goes on
or ends in order."""
import base64
import contextlib
import time
import unittest

import bson

from bad_input import ANN, BadInput
from harness import Dialog, LiveTest, wait_for
from limits import LIMITS
from memory import MIB, Watch, anonymous, cpu_seconds

NESTED = b'(' * 19 + b'a' + b')' * 19


def fill(unit, size, before=b''):
    """before, and as much of unit as makes it `size` octets."""
    return before + unit * ((size - len(before)) // len(unit))


class Bounds(BadInput):
    """The programs as they are installed, behind a listener."""
    build = ''
    form = 'fork'

    def held(self, d, data, most, end=None):
        """The memory after `data`, and while it is read; `end` reads the
        answers."""
        with Watch(d.server_pid()) as w:
            with contextlib.suppress(OSError):
                d.send(data)
            if end:
                end(d)
            else:
                self.quiet(d)
        self.assertGreater(w.most, 0)
        self.assertLess(w.most, most, data[:60])

    @staticmethod
    def quiet(d):
        """Until nothing more comes for a while."""
        d.sock.settimeout(0.4)
        with contextlib.suppress(OSError):
            while d.sock.recv(1 << 16):
                pass
        d.sock.settimeout(30)


class BeforeTheLogin(Bounds):
    def test_a_command_of_8_kib_takes_no_more_than_2_mib(self):
        start = b'a X '
        inputs = [
            fill(NESTED, 7600, start) + b' {1+}\r\n' + b'z {1+}\r\n' * 62,
            fill(NESTED, 8150, start) + b'\r\n',
            fill(b'()', 8150, start) + b'\r\n',
            fill(b'"" ', 8150, start) + b'\r\n',
            fill(b'a ', 8150, start) + b'\r\n',
            start + b'{100+}\r\n' + (b'(' * 19).ljust(100) + b' {1+}\r\n' * 62,
            b'a APPEND x {7000}\r\n',
            fill(NESTED, 7600, b'a APPEND x ') + b' {1+}\r\n' +
            b'z {1+}\r\n' * 62,
            b'a AUTHENTICATE PLAIN ' + b'A' * 8100 + b'\r\n',
            b'a AUTHENTICATE SCRAM-SHA-256\r\n' + b'A' * 12000 + b'\r\n',
            b'a ID (' + b'"x" "y" ' * 1000 + b')\r\n',
            b'a NOOP {50000000+}\r\n' + b'x' * (4 * MIB),
        ]
        for data in inputs:
            d = self.connect(user=None)
            self.held(d, data, 2 * MIB)
            d.close()

    def test_failed_logins_leave_nothing(self):
        """A password's hash takes 16 MiB while it is computed (yescrypt);
        they are given back at once."""
        d = self.connect(user=None)
        d.send(b''.join(b'a LOGIN {3000+}\r\n' + b'x' * 3000 + b' {3000+}\r\n' +
                     b'y' * 3000 + b'\r\n' for _ in range(3)))
        for _ in range(3):
            d.until('a')
        self.assertLess(anonymous(d.server_pid()), 2 * MIB)

    def test_a_refused_command_is_answered_and_the_session_goes_on(self):
        d = self.connect(user=None)
        self.bad(d, fill(NESTED, 8000, b'X ').decode())
        self.bad(d, b'APPEND x {3+}\r\nabc')
        self.is_sane(d)


class LoggedIn(Bounds):
    def test_a_command_of_64_kib_takes_no_more_than_64_mib(self):
        inputs = [
            fill(NESTED, 60000, b'X ') + b' {1+}\r\n' + b'z {1+}\r\n' * 62,
            fill(NESTED, 60000, b'APPEND x ') + b' {1+}\r\n' +
            b'z {1+}\r\n' * 62,
            fill(b'()', 60000, b'SEARCH '),
            b'LIST "" (' + b'% ' * 19000 + b')',
            b'LIST "' + b'x' * 900 + b'" (' + b'% ' * 19000 + b')',
            b'LIST (SUBSCRIBED) "' + b'x' * 900 + b'" (' +
            b'*%*% ' * 9000 + b')',
            b'SEARCH ' + b'NOT BODY x ' * 5000,
            b'SEARCH ' + b'UID 1,3,5,7,9,11,13,15 ' * 2500,
            b'FETCH 1 (' + b'BODY.PEEK[HEADER.FIELDS (x)] ' * 2000 + b')',
            b'ID (' + b'"x" "y" ' * 7000 + b')',
            b'NOTIFY SET (MAILBOXES (' + b'a ' * 15000 + b') (MessageNew))',
            b'STORE 1 FLAGS (' + b'a ' * 20000 + b')',
            b'ENABLE ' + b'a ' * 15000,
            b'GETMETADATA "" (' + b'/private/a ' * 5000 + b')',
        ]
        d = self.select(messages=3)
        for data in inputs:
            self.held(d, b'a ' + data + b'\r\n', 64 * MIB,
                      lambda x: x.until('a'))
            self.is_sane(d)

    def test_many_messages_of_one_append(self):
        d = self.select()
        flags = b' (' + b'x ' * 30 + b') {1+}\r\ny'
        self.held(d, f'a APPEND {self.box}'.encode() + flags * 1000 +
                  b'\r\n', 64 * MIB, lambda x: x.until('a'))
        self.is_sane(d)


class Million(Bounds):
    """A mailbox of so many messages: its entries are made by hand, and all
    are one message."""

    def crowd(self, d, n):
        db = self.system.db
        folder = db.folders.find_one({'name': self.box})
        [entry] = folder['tail']
        for lo in range(folder['uidnext'], n, 256 * 200):
            pages = []
            for at in range(lo, min(lo + 256 * 200, n), 256):
                entries = [dict(entry, u=at + k) for k in range(256)]
                pages.append({
                    'owner': folder['owner'], 'folder': folder['_id'],
                    'lo': at, 'hi': at + 255, 'n': 256, 'e': entries,
                    'mod': entry['m'], 'unseen': 256})
            db.pages.insert_many(pages)
        end = pages[-1]['hi'] + 1
        db.folders.update_one({'_id': folder['_id']}, {
            '$set': {'exists': end - 1, 'uidnext': end}})
        return end - 1

    def test_a_million_messages_take_no_more_than_64_mib(self):
        d = self.select(messages=1)
        n = self.crowd(d, 1000000)
        answers = {}

        def command(text):
            with Watch(d.server_pid()) as w:
                d.send(f'a {text}\r\n')
                answers[text] = self.last(d)
            self.assertGreater(w.most, 0)
            self.assertLess(w.most, 64 * MIB, (text, answers))
        for text in (f'SELECT {self.box}', 'SEARCH RETURN (COUNT) ALL',
                     'UID FETCH 1:* FLAGS', 'SEARCH ALL', 'NOOP',
                     'SORT (SUBJECT) UTF-8 ALL', 'SORT (SIZE) UTF-8 ALL',
                     'THREAD REFERENCES UTF-8 ALL',
                     'THREAD ORDEREDSUBJECT UTF-8 ALL', 'NOOP'):
            command(text)
        self.assertIn(b'a OK', answers['UID FETCH 1:* FLAGS'])
        self.assertIn(b'COUNT %d' % n, answers['SEARCH RETURN (COUNT) ALL'])
        for text, answer in answers.items():
            want = rb'a (OK|NO \[LIMIT\])' if 'ALL' in text else rb'a OK'
            self.assertRegex(answer, want, text)

    @staticmethod
    def last(d):
        """The last octets of an answer, which may be long."""
        text = b''
        while True:
            part = d.sock.recv(1 << 20)
            text = (text + part)[-300:]
            if not part or text.rpartition(b'\r\na ')[1] and \
                    text.endswith(b'\r\n') or text.startswith(b'a '):
                return text


class Cpu(Bounds):
    """A command ends with its client, or after imap.limit.cpu."""

    def heavy(self, d):
        """Commands that would take minutes."""
        folders = self.system.db.folders
        one = folders.find_one({'name': self.box})
        folders.insert_many(
            dict(one, _id=bson.ObjectId(), name='x' * 900 + str(i))
            for i in range(3000))
        self.addCleanup(folders.delete_many, {'name': {'$regex': '^xxx'}})
        body = b'Subject: x\r\n\r\n' + (b'y' * 70 + b'\r\n') * 60000
        self.append(d, body)
        return ('LIST "' + 'x' * 899 + '" (' + '*z ' * 400 + ')',
                'SEARCH ' + 'NOT BODY zz ' * 3500)

    def is_quiet(self, pid):
        """Has gone, or computes no more."""
        before = cpu_seconds(pid)
        time.sleep(0.5)
        return before is None or cpu_seconds(pid) in (None, before)

    def test_a_command_ends_when_its_client_has_gone(self):
        d = self.select()
        commands = self.heavy(d)
        for command in commands:
            d = self.connect()
            self.ok(d, f'SELECT {self.box}')
            pid = d.server_pid()
            d.send(f'a {command}\r\n')
            wait_for(lambda: not self.is_quiet(pid), what='it works')
            d.close()
            wait_for(lambda: self.is_quiet(pid), 20, 'its end')

    def test_a_client_that_ended_only_its_own_side_gets_its_answer(self):
        d = self.select()
        self.heavy(d)
        d.send(f'a SEARCH {"NOT BODY zz " * 40}\r\nb LOGOUT\r\n')
        self.shut(d)
        text = self.rest(d)
        self.assertIn(b'\r\na OK', text)
        self.assertIn(b'\r\nb OK', text)


class CpuLimit(Cpu):
    settings = {'imap__limit__cpu': '1s'}
    test_a_command_ends_when_its_client_has_gone = None
    test_a_client_that_ended_only_its_own_side_gets_its_answer = None

    def test_a_command_that_takes_too_long_is_refused(self):
        d = self.select()
        for command in self.heavy(d):
            self.answer(d, command, rb'NO \[LIMIT\]')
            self.is_sane(d)


class Smtp(LiveTest):
    settings = {'limit__connections__source': '0'}

    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.add_mailbox(ANN)
        s.m3mta('alias', 'add', 'many@example.org',
                *[f'user{i}@far{i % 100}.example' for i in range(5000)])
        wide = s.db.mailboxes.find_one({'_id': 'many@example.org'})
        s.db.mailboxes.insert_one(dict(
            wide, _id='wide@example.org',
            destinations=[f'{i}'.ljust(240, 'x') + '@far.example'
                          for i in range(LIMITS['LIMIT_ALIAS_FANOUT'])]))
        cls.port = s.serve('m3mta-smtp', 'smtp')

    def session(self, *commands):
        d = Dialog(self.system, None, port=self.port)
        self.addCleanup(d.close)
        for command in ('', 'EHLO x.example', 'MAIL FROM:<a@b.example>',
                        *commands):
            reply = d.smtp(command) if command else d.reply()[-1]
            self.assertEqual(reply[:1], '2', command)
        return d

    def held(self, d, most, data, n):
        """n replies."""
        with Watch(d.server_pid()) as w:
            with contextlib.suppress(OSError):
                d.send(data)
            replies = [d.reply() for _ in range(n)]
        self.assertGreater(w.most, 0)
        self.assertLess(w.most, most, data[:60])
        return replies

    def test_recipients_take_no_more_than_2_mib(self):
        self.system.db.domains.insert_many(
            {'_id': f'd{i}.example', 'delivery': 'local',
             'disabled': False} for i in range(2000))
        long = 'x' * 60
        orcpt = 'rfc822;' + 'y' * 480
        tables = {
            'one alias': ['many@example.org'] * 300,
            'one long alias': ['wide@example.org'] * 30,
            'one mailbox': [ANN] * 3000,
            'postmaster': ['postmaster'] * 200,
            'tags': [f'ann+{i}{long[:50]}@example.org> ORCPT={orcpt} '
                     'NOTIFY=NEVER' for i in range(1000)],
            'nobody': [f'{long}{i % 10}@example.org' for i in range(15)],
        }
        for name, recipients in tables.items():
            with self.subTest(name):
                d = self.session()
                data = ''.join(
                    f'RCPT TO:<{r}\r\n' if '>' in r else
                    f'RCPT TO:<{r}>\r\n' for r in recipients)
                replies = self.held(d, 2 * MIB, data.encode(),
                                    len(recipients))
                codes = {r[-1][:3] for r in replies}
                self.assertLessEqual(codes, {'250', '452', '550'})
                d.close()

    def test_a_login_by_the_name_of_an_alias_leaves_no_more_than_2_mib(self):
        word = base64.b64encode(b'\0wide@example.org\0x').decode()
        d = Dialog(self.system, None, port=self.port)
        self.addCleanup(d.close)
        d.reply()
        d.smtp('EHLO x.example')
        self.assertEqual(d.smtp(f'AUTH PLAIN {word}')[:3], '535')
        self.assertLess(anonymous(d.server_pid()), 2 * MIB)

    def test_commands_take_no_more_than_2_mib(self):
        for data, n in ((b'NOOP ' + b'x' * 60000 + b'\r\n', 1),
                        (b'VRFY ann@example.org\r\n' * 2000, 2000),
                        (b'RSET\r\nMAIL FROM:<a@b.example>\r\n' * 45, 90),
                        (b'RCPT TO:<a@x.example> ' + b'A=B ' * 400 +
                         b'\r\n', 1)):
            self.held(self.session(), 2 * MIB, data, n)

    def test_what_a_message_took_is_given_back(self):
        """To the session's 2 MiB behind DATA, and in a child that serves
        one after the other."""
        port, self.port = self.port, self.system.serve(
            'm3mta-smtp', 'smtp', options=(
                '-o', 'server.max_use=50', '-o', 'server.spare=1',
                '-o', 'server.max_connections=1'))
        self.addCleanup(setattr, self, 'port', port)
        for _ in range(4):
            d = self.session(f'RCPT TO:<{ANN}>')
            self.assertEqual(d.smtp('DATA')[:3], '354')
            d.send(b'X: y\r\n' * 700000 + b'.\r\n')
            self.assertRegex(d.reply()[-1], '^(250|5..) ')
            pid = d.server_pid()
            self.assertEqual(d.smtp('NOOP')[:3], '250')
            self.assertLess(anonymous(pid), 2 * MIB)
            d.smtp('QUIT')
            d.close()
        wait_for(lambda: anonymous(pid) < MIB, 20, 'an idle child')

    def test_a_message_takes_no_more_than_8_mib(self):
        bodies = {
            'a body': b'x' * 70 + b'\r\n',
            'a header': b'X-Field: ' + b'y' * 60 + b'\r\n',
            'addresses': b'To: a <b@c.example>, d <e@f.example>\r\n',
            'trace': b'Delivered-To: x\r\n',
            'words': b'Subject: =?utf-8?q?a?= =?utf-8?q?b?=\r\n ',
            'long lines': b'z' * 900 + b'\r\n',
            'parts': b'--x\r\n\r\n',
            'messages': b'Content-Type: message/rfc822\r\n\r\n',
            'parameters': b'Content-Type: a/b;\r\n c*0*=d;\r\n e=f\r\n',
        }
        for name, unit in bodies.items():
            with self.subTest(name):
                d = self.session(f'RCPT TO:<{ANN}>')
                self.assertEqual(d.smtp('DATA')[:3], '354')
                start = b'From: a@b.example\r\nContent-Type: ' \
                        b'multipart/mixed; boundary=x\r\n\r\n' \
                        if name == 'parts' else b''
                [reply] = self.held(
                    d, 8 * MIB, start + unit * (20 * MIB // len(unit)) +
                    b'\r\n.\r\n', 1)
                self.assertRegex(reply[-1], '^(250|5..) ')
                d.close()


if __name__ == '__main__':
    unittest.main()
