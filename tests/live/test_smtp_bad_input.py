"""Bad input to m3mta-smtp: the numbered lines of the cases of bad input, in
both process forms. Common to all of them: nothing is stored, no process
dies, memory stays flat, and the session is sane afterwards, or closed. Where
a line offers a choice, the stricter one. Lines that test_conformance shows
as well are named by ELSEWHERE. `make conformance` prints them one by one."""
import base64
import contextlib
import os
import random
import socket
import struct
import time
import unittest

from harness import wait_for
from rows import PLAIN, RowTest, row
from test_smtp_dialog import B, HELLO, MAIL, RCPT

EVIL = (b'MAIL FROM:<evil@x.y>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n'
        b'two\r\n.\r\n')
# What may stand before and behind a dot: of 42 pairs one ends the data.
BEFORE = [b'\r\n', b'\n', b'\r', b'\r\n\0', b'\0\n', b'\r\r\n', b'\n\r']
BEHIND = [b'\r\n', b'\n', b'\r', b'\0\r\n', b'\r\r\n', b'\r\0\n']

# Line: the tests of test_conformance (in both forms) that show it.
ELSEWHERE = {
    1: ['test_not_the_end'], 2: ['test_not_the_end'],
    3: ['test_not_the_end'], 4: ['test_not_the_end'],
    5: ['test_not_the_end'], 6: ['test_not_the_end'],
    7: ['test_not_the_end'], 8: ['test_not_the_end'],
    9: ['test_not_the_end'], 10: ['test_not_the_end', 'test_smuggling'],
    14: ['test_end_of_data'], 20: ['test_table'], 22: ['test_table'],
    26: ['test_long_text_lines'], 30: ['test_order'], 31: ['test_table'],
    32: ['test_table'], 33: ['test_no_recipient'], 35: ['test_table'],
    37: ['test_table'], 44: ['test_table'], 48: ['test_too_big'],
    49: ['test_table'], 53: ['test_table'], 56: ['test_injection'],
    57: ['test_starttls'], 60: ['test_lost'], 62: ['test_required'],
    63: ['test_auth_plain', 'test_auth_again'], 65: ['test_auth_again'],
    66: ['test_table'], 69: ['test_submission'], 70: ['test_bdat'],
    71: ['test_early_talk'], 75: ['test_hops'], 78: ['test_table'],
}

# Line, commands before, command, the start of the reply.
TABLE = [
    (16, [HELLO, MAIL, RCPT, 'DATA'], b'.\r\n', '250 2.0.0'),
    (19, [HELLO, MAIL, RCPT, 'DATA'], b'A: b\r\n.\r\n', '250 2.0.0'),
    (20, [HELLO], b'NO\0OP\r\n', '500 5.5.2'),
    (20, [HELLO], b'MAIL FROM:<a\0b@example.net>\r\n', '500 5.5.2'),
    (20, [HELLO], b'EHLO a\0b\r\n', '500 5.5.2'),
    (20, [HELLO, MAIL], b'RCPT TO:<ann@example.org>\0\r\n', '500 5.5.2'),
    (20, [HELLO], b'AUTH PLAIN \0\r\n', '500 5.5.2'),
    (20, [HELLO], b'VRFY \0\r\n', '500 5.5.2'),
    (20, [HELLO], b'\0\r\n', '500 5.5.2'),
    (23, [HELLO], b'NOOP\rRSET\r\n', '500 5.5.2'),
    (23, [HELLO], b'MAIL FROM:<a@example.net>\r\r\n', '500 5.5.2'),
    (24, [HELLO], b'NOOP ' + b'x' * 2040 + b'\r\n', '250 2.0.0'),
    (24, [HELLO], b'NOOP ' + b'x' * 2041 + b'\r\n', '250 2.0.0'),
    (24, [HELLO], b'NOOP ' + b'x' * 2042 + b'\r\n', '500 5.5.2'),
    (31, [HELLO], RCPT, '503 5.5.1'),
    (32, [HELLO, MAIL], 'DATA', '554 5.5.1'),
    (35, [HELLO], 'MAIL FROM:<>', '250 2.1.0'),
    (36, [HELLO, MAIL], 'RCPT TO:<>', '501 5.1.3'),
    (37, [HELLO, MAIL], 'RCPT TO:<postmaster>', '250 2.1.5'),
    (39, [HELLO, MAIL], 'RCPT TO:<"a\r', '500 5.5.2'),
    (39, [HELLO, MAIL], 'RCPT TO:<"a', '501 5.1.3'),
    (41, [HELLO], 'MAIL FROM:<' + 'a' * 64 + '@b.example>', '250 2.1.0'),
    (41, [HELLO], 'MAIL FROM:<' + 'a' * 245 + '@b.example>', '501 5.1.7'),
    (41, [HELLO], 'MAIL FROM:<' + 'a' * 64 + '@' + 'b.' * 94 + 'b>',
     '250 2.1.0'),
    (41, [HELLO], 'MAIL FROM:<' + 'a' * 64 + '@' + 'b.' * 94 + 'bb>',
     '501 5.1.7'),
    (41, [HELLO, MAIL], 'RCPT TO:<a@' + 'b.' * 128 + '>', '501 5.1.3'),
    (41, [HELLO], 'MAIL FROM:<a@' + 'b.' * 120 + 'b>', '250 2.1.0'),
    (41, [HELLO], 'MAIL FROM:<a@' + 'b' * 64 + '.example>', '501 5.1.7'),
    (42, [HELLO, MAIL], 'RCPT TO:<a@[127.0.0.1]>', '550 5.7.1'),
    (42, [HELLO, MAIL], 'RCPT TO:<a@[IPv6:::1]>', '550 5.7.1'),
    (42, [HELLO, MAIL], 'RCPT TO:<a@[x]>', '501 5.1.3'),
    (42, [HELLO, MAIL], 'RCPT TO:<a@[]>', '501 5.1.3'),
    (43, [HELLO], 'MAIL FROM:<a@b@c>', '501 5.1.7'),
    (43, [HELLO, MAIL], 'RCPT TO:<ann@example.org@x>', '501 5.1.3'),
    (45, [HELLO], b'MAIL FROM:<\xff@x.example> SMTPUTF8\r\n', '501 5.1.7'),
    (45, [HELLO], b'MAIL FROM:<\xc0\xaf@x.example> SMTPUTF8\r\n',
     '501 5.1.7'),
    (45, [HELLO], b'MAIL FROM:<\xed\xa0\x80@x.example> SMTPUTF8\r\n',
     '501 5.1.7'),
    (45, [HELLO, MAIL + ' SMTPUTF8'], b'RCPT TO:<a\xf5@x.example>\r\n',
     '501 5.1.3'),
    (46, [HELLO, MAIL], 'RCPT TO:<ann%b.example@example.org>', '550 5.1.1'),
    (46, [HELLO, MAIL], 'RCPT TO:<b.example!ann@example.org>', '550 5.1.1'),
    (46, [HELLO, MAIL], 'RCPT TO:<"ann@b.example"@example.org>',
     '550 5.1.1'),
    # RFC 1870 3: 0 is a number like others; it is not a mistake.
    (47, [HELLO], MAIL + ' SIZE=0', '250 2.1.0'),
    (47, [HELLO], MAIL + ' SIZE=-1', '501 5.5.4'),
    (47, [HELLO], MAIL + ' SIZE=+1', '501 5.5.4'),
    (47, [HELLO], MAIL + ' SIZE=1e9', '501 5.5.4'),
    (47, [HELLO], MAIL + ' SIZE=', '501 5.5.4'),
    (47, [HELLO], MAIL + ' SIZE', '501 5.5.4'),
    (47, [HELLO], MAIL + ' SIZE=99999999999999999999', '552 5.3.4'),
    (47, [HELLO], MAIL + ' SIZE=18446744073709551617', '552 5.3.4'),
    (47, [HELLO], MAIL + ' SIZE=1 size=1', '501 5.5.4'),
    (49, [HELLO], MAIL + ' BODY=X', '501 5.5.4'),
    (49, [HELLO], MAIL + ' BODY=BINARYMIME', '501 5.5.4'),
    (49, [HELLO], MAIL + ' X=Y', '555 5.5.4'),
    (49, [HELLO], MAIL + ' =Y', '555 5.5.4'),
    (50, [HELLO], MAIL + ' AUTH=a+0D+0A', '501 5.5.4'),
    (50, [HELLO], MAIL + ' AUTH=', '501 5.5.4'),
    (51, [HELLO], MAIL + ' ENVID=+ZZ', '501 5.5.4'),
    (51, [HELLO], MAIL + ' ENVID=+0', '501 5.5.4'),
    (51, [HELLO], MAIL + ' ENVID=+', '501 5.5.4'),
    (51, [HELLO], MAIL + ' ENVID=' + 'x' * 101, '501 5.5.4'),
    (51, [HELLO], MAIL + ' ENVID=' + 'x' * 100, '250 2.1.0'),
    (51, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;+ZZ', '501 5.5.4'),
    (51, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;+0', '501 5.5.4'),
    (51, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;+00', '501 5.5.4'),
    (51, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;' + 'x' * 493, '250 2.1.5'),
    (51, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;' + 'x' * 494, '501 5.5.4'),
    (51, [HELLO, MAIL], RCPT + ' ORCPT=;x', '501 5.5.4'),
    (51, [HELLO, MAIL], RCPT.encode() + b' ORCPT=rfc822;a\0\r\n',
     '500 5.5.2'),
    (52, [HELLO], MAIL + ' RET=FULL RET=HDRS', '501 5.5.4'),
    (53, [HELLO, MAIL], RCPT + ' NOTIFY=NEVER,FAILURE', '501 5.5.4'),
    (53, [HELLO, MAIL], RCPT + ' NOTIFY=', '501 5.5.4'),
    (53, [HELLO, MAIL], RCPT + ' NOTIFY=SUCCESS,', '501 5.5.4'),
    (54, [], 'HELO', '501'),
    (54, [], 'EHLO ', '501'),
    (54, [], 'EHLO ' + 'x' * 10240, '500'),
    (54, [], b'EHLO a\x07b\r\n', '501'),
    (54, [], b'HELO a\x7fb\r\n', '501'),
    (54, [], 'EHLO a b', '250'),
    (54, [], 'EHLO -', '250'),
    (55, [HELLO, MAIL, RCPT, 'EHLO again.example'], RCPT, '503 5.5.1'),
    (57, [HELLO, MAIL], 'STARTTLS', '503 5.5.1'),
    (63, [HELLO], 'AUTH PLAIN AAA', '501 5.5.2'),
    (63, [HELLO], 'AUTH PLAIN A===', '501 5.5.2'),
    (63, [HELLO], 'AUTH PLAIN A=AA', '501 5.5.2'),
    (63, [HELLO], 'AUTH PLAIN AA==AA==', '501 5.5.2'),
    (63, [HELLO], 'AUTH PLAIN AB==', '501 5.5.2'),
    (63, [HELLO], 'AUTH PLAIN *', '501 5.7.0'),
    (63, [HELLO], 'AUTH PLAIN =', '501 5.5.2'),
    (63, [HELLO], 'AUTH', '504 5.5.4'),
    (63, [HELLO, 'AUTH PLAIN'], b'AA\0A\r\n', '500 5.5.2'),
    (63, [HELLO, 'AUTH PLAIN'], b'AA\rA\r\n', '500 5.5.2'),
    (63, [HELLO, 'AUTH PLAIN'], b'\xff\xff\xff\xff\r\n', '501 5.5.2'),
    (63, [HELLO, 'AUTH PLAIN'], b'\r\n', '501 5.5.2'),
    (63, [HELLO, 'AUTH PLAIN'], PLAIN.encode() + b'\n', '500 5.5.2'),
    (64, [HELLO], 'AUTH PLAIN ' + base64.b64encode(
        b'annsecret').decode(), '501 5.5.2'),
    (64, [HELLO], 'AUTH PLAIN ' + base64.b64encode(
        b'\0annsecret').decode(), '501 5.5.2'),
    (64, [HELLO], 'AUTH PLAIN ' + base64.b64encode(
        b'\0ann@example.org\0secret\0').decode(), '501 5.5.2'),
    (64, [HELLO], 'AUTH PLAIN ' + base64.b64encode(
        b'\0\0').decode(), '501 5.5.2'),
    (68, [HELLO], 'AUTH PLAIN ' + base64.b64encode(
        b'off@example.org\0ann@example.org\0secret').decode(),
     '535 5.7.8'),
    (74, [HELLO], 'VRFY ann@example.org', '252 2.5.0'),
    (74, [HELLO], 'VRFY nobody@example.org', '252 2.5.0'),
    (74, [HELLO], 'EXPN ann@example.org', '502 5.5.1'),
    (74, [HELLO], 'EXPN nobody@example.org', '502 5.5.1'),
    (78, [HELLO], 'SEND FROM:<a@b.example>', '502 5.5.1'),
    (78, [HELLO], 'SOML FROM:<a@b.example>', '502 5.5.1'),
    (78, [HELLO], 'SAML FROM:<a@b.example>', '502 5.5.1'),
    (78, [HELLO], 'DEBUG', '500 5.5.1'),
    (78, [HELLO], 'WIZ', '500 5.5.1'),
    (78, [HELLO], 'XXXX', '500 5.5.1'),
    (78, [HELLO], '', '500 5.5.1'),
]

# Addresses that a shell or a template would have run.
SHELL = [';touch {}', '$(touch {})', 'a`touch {}`', '|touch {}',
         '${{run{{/bin/touch {}}}}}', '&touch {}', '\'"touch {}']


class BadInput(RowTest):
    """The form in which each connection is a process of its own."""
    step = 3  # of the cuts: a process costs more than a fork
    pace = 1

    @classmethod
    def prepare(cls):
        super().prepare()
        # What was freed must not count as memory that is used.
        cls.system.sanitizers['ASAN_OPTIONS'] += ':quarantine_size_mb=1'

    def sender_is_queued(self, sender):
        return self.system.db.queue.count_documents({'sender': sender})

    def peak(self):
        """The most memory that a handler had, KiB."""
        most = 0
        parents = {str(p.pid) for p in self.system.processes}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/status') as f:
                    fields = dict(line.split(':\t', 1) for line in f)
                if pid in parents or fields['PPid'].strip() in parents:
                    most = max(most, int(
                        fields.get('VmHWM', '0').split()[0]))
        return most

    @staticmethod
    def rest(d):
        """What is sent until the connection is closed or reset."""
        text = b''
        with contextlib.suppress(OSError):
            while piece := d.sock.recv(65536):
                text += piece
        return text

    def last(self):
        return self.system.db.queue.find_one(sort=[('created_at', -1)])

    @row(0, 'the lines that are one command and its reply')
    def test_table(self):
        """In one session, as far as it goes: a row must not spoil it."""
        shared = self.start('-o', 'smtp.limit.errors=10000')
        for number, before, command, want in TABLE:
            with self.subTest(line=number, command=command[:60]):
                d = shared
                if number == 57:
                    d = self.start(*self.tls())
                elif not before:
                    d = self.start()
                d.smtp('RSET')
                for line in before:
                    d.smtp(line)
                self.assertEqual(d.smtp(command)[:len(want)], want)
                self.assertEqual(d.smtp('NOOP')[:3], '250')

    @row((1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
         '42 ways to end data, split at each octet: one ends it')
    def test_each_end(self):
        for before in BEFORE:
            for behind in BEHIND:
                end = before + b'.' + behind
                for cut in range(0, len(end) + 1, self.step):
                    with self.subTest(end=end, cut=cut):
                        self.try_end(end, cut)
        self.assertEqual(self.sender_is_queued('evil@x.y'), 0)

    def try_end(self, end, cut):
        """A variant that ends data leaves commands behind it: with the
        right end of data they are of a client that pipelined past it."""
        queued = self.queued()
        d = self.start()
        self.say(d, HELLO)
        d.send(f'{MAIL}\r\n{RCPT}\r\nDATA\r\n')
        self.assertEqual([d.reply()[0][:3] for _ in range(3)],
                         ['250', '250', '354'])
        d.send(B + b'one' + end[:cut])
        if cut % 2:
            time.sleep(0.001)
        is_end = end == b'\r\n.\r\n'
        # Closed already when the variant ends the data of a bad message.
        with contextlib.suppress(OSError):
            d.send(end[cut:] + (b'QUIT\r\n' if is_end else EVIL))
        answers = self.rest(d).split(b'\r\n')
        want = b'250 2.0.0 ' if is_end else b'550 5.6.11'
        self.assertIn(answers[0][:10], (want, b'') if cut == len(end) and
                      not is_end else (want,))
        self.assertLessEqual(len(answers), 3 if is_end else 2, answers)
        self.assertEqual(self.queued(), queued + is_end)
        d.close()

    @row(11, 'the end of data in five segments')
    def test_five_segments(self):
        queued = self.queued()
        d = self.data()
        for octet in (B + b'x', b'\r', b'\n', b'.', b'\r', b'\n'):
            d.send(octet)
            time.sleep(0.01)
        self.assertEqual(d.reply()[0][:9], '250 2.0.0')
        self.assertEqual(self.queued(), queued + 1)

    @row(12, 'the end of data at an octet a second')
    def test_slow_end(self):
        d = self.data()
        d.send(B)
        for octet in (b'x', b'\r', b'\n', b'.', b'\r', b'\n'):
            time.sleep(self.pace)
            d.send(octet)
        self.assertEqual(d.reply()[0][:9], '250 2.0.0')

    @row(13, 'two messages: two replies, in order')
    def test_two_messages(self):
        d = self.data()
        d.send(B + b'a\r\n.\r\n' + f'{MAIL}\r\n{RCPT}\r\nDATA\r\n'.encode())
        self.assertEqual([d.reply()[-1][:9] for _ in range(4)],
                         ['250 2.0.0', '250 2.1.0', '250 2.1.5',
                          '354 End w'])
        self.end(d, b'b\r\n.\r\n', '250 2.0.0')

    @row((14, 15), 'a dot is removed at every line, and kept elsewhere')
    def test_stuffing(self):
        chance = random.Random(14)
        lines = [b'.' * chance.randrange(4) + chance.choice(
            [b'', b'x', b'x.', b'.x', b' .']) for _ in range(3000)]
        # Of a message that begins with its text no octet is lost either: an
        # empty line is put before it, but where it has one itself.
        for first, before in ((b'A: b\r\n', b''), (b'', b''), (b' .', b'\r\n'),
                              (b'.', b'\r\n'), (b'..', b'\r\n'),
                              (b'.A: b\r\n', b''), (b'.\t', b'\r\n')):
            with self.subTest(first):
                d = self.data()
                for line in [first, *lines]:
                    d.send((b'.' if line[:1] == b'.' else b'') + line +
                           b'\r\n')
                self.assertEqual(d.smtp(b'.\r\n')[:3], '250')
                received, _, text = self.last()['body'].partition(
                    b'0000\r\n')
                self.assertTrue(received.startswith(b'Received: '))
                self.assertEqual(
                    text, before + b'\r\n'.join([first, *lines]) + b'\r\n')

    @row(17, 'a dot behind text does not end it')
    def test_dot_behind_text(self):
        d = self.data()
        d.send(B + b'x.\r\n')
        d.sock.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            d.sock.recv(1)
        d.sock.settimeout(30)
        d.file = d.sock.makefile('rb')
        self.assertEqual(d.smtp(b'.\r\n')[:3], '250')
        self.assertTrue(self.last()['body'].endswith(b'x.\r\n'))

    @row(18, 'a first line of one dot: an empty message')
    def test_first_dot(self):
        d = self.data()
        self.assertEqual(d.smtp(b'.\r\n')[:3], '250')
        self.assertTrue(self.last()['body'].endswith(b'0000\r\n'))
        self.assertEqual(d.smtp('NOOP')[:3], '250')

    @row(21, 'NUL in a message')
    def test_nul_in_data(self):
        queued = self.queued()
        for text in (b'a\0b\r\n.\r\n', b'\0\r\n.\r\n', b'\0' * 9999 +
                     b'\r\n.\r\n'):
            self.end(self.data(), text, '550 5.6.11')
        d = self.data('-o', 'smtp.body.bare_lf=normalise')
        self.end(d, b'a\0b\r\n.\r\n', '550 5.6.11')
        self.assertEqual(self.queued(), queued)

    @row(22, 'commands that end in LF: 500, then closed')
    def test_bare_lf(self):
        d = self.start()
        self.assertEqual(d.smtp(b'NOOP\n')[:3], '500')
        self.assertEqual(d.smtp('NOOP')[:3], '250')
        self.assertEqual(d.smtp(b'NOOP\n')[:3], '500')
        self.assertTrue(d.is_closed())

    @row(24, 'what follows in a line that is too long is not run')
    def test_long_command(self):
        d = self.start()
        d.send(b'x' * 2043 + b'NOOP\rNOOP ' * 100 + b'\r\nNOOP\r\n')
        self.assertEqual([d.reply()[0][:3] for _ in range(2)],
                         ['500', '250'])

    def push(self, d, piece, count):
        """Until the other side has enough."""
        with contextlib.suppress(OSError):
            for _ in range(count):
                d.send(piece)

    @row(25, 'a line of 1 MiB: 500, closed, memory flat')
    def test_endless_line(self):
        d = self.start()
        self.say(d, HELLO)
        before = self.peak()
        self.push(d, b'x' * 65536, 16)
        self.assertLess(self.peak() - before, 4096)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(d.reply()[0][:3], '500')
            self.assertTrue(d.is_closed())

    @row(27, 'a body line of 100 MiB: 552, memory flat')
    def test_endless_body_line(self):
        d = self.start()
        self.say(d, HELLO)
        queued = self.queued()
        before = self.peak()
        self.say(d, MAIL, RCPT, 'DATA')
        self.push(d, b'x' * (1 << 20), 100)
        self.assertLess(self.peak() - before, 65536)
        self.end(d, b'\r\n.\r\n', '552 5.3.4')
        self.assertEqual(self.queued(), queued)
        self.say(d, 'NOOP')

    @row(28, 'the 1,001st recipient')
    def test_recipient_1001(self):
        d = self.start()
        self.say(d, HELLO, MAIL)
        d.send(''.join(f'RCPT TO:<ann+{i}@example.org>\r\n'
                       for i in range(1001)))
        answers = [d.reply()[0] for _ in range(1001)]
        self.assertEqual({a[:9] for a in answers[:1000]}, {'250 2.1.5'})
        self.assertEqual(answers[1000][:9], '452 4.5.3')

    @row(29, 'recipients without end: closed at the limit of errors')
    def test_recipients_without_end(self):
        d = self.start()
        self.say(d, HELLO, MAIL)
        before = self.peak()
        piece = ''.join(f'RCPT TO:<no{i}@example.org>\r\n'
                        for i in range(1000))
        self.push(d, piece, 1000)
        self.assertLess(self.peak() - before, 16384)
        with contextlib.suppress(ConnectionResetError):
            answers = [d.reply()[0] for _ in range(22)]
            self.assertEqual([a[:3] for a in answers],
                             ['550'] * 21 + ['421'])

    @row(34, 'addresses for a shell are text')
    def test_shell(self):
        touched = self.system.folder + '/touched'
        for i, form in enumerate(SHELL):
            text = form.format(touched)
            local = text.replace('\\', '\\\\').replace('"', '\\"')
            with self.subTest(text):
                d = self.start()
                self.say(d, HELLO)
                self.assertIn(d.smtp(f'MAIL FROM:<{text}>')[:9],
                              ('501 5.1.7', '553 5.1.7'))
                self.say(d, f'MAIL FROM:<"{local}"@example.net>', RCPT,
                         'DATA')
                self.end(d, b'.\r\n', '250')
                self.assertEqual(self.last()['sender'],
                                 f'"{local}"@example.net')
        self.system.mda()
        self.assertFalse(os.path.exists(touched))

    @row(38, 'quoted addresses are stored as they were said')
    def test_quoted(self):
        for text, stored in (('"a b"@d.example', '"a b"@d.example'),
                             (r'"\\\""@d.example', r'"\\\""@d.example'),
                             ('"ab"@d.example', 'ab@d.example'),
                             (r'"a\b"@d.example', 'ab@d.example'),
                             ('"a..b"@d.example', '"a..b"@d.example'),
                             ('"a@b"@d.example', '"a@b"@d.example')):
            d = self.start()
            self.say(d, HELLO, f'MAIL FROM:<{text}>', RCPT, 'DATA')
            self.end(d, b'.\r\n', '250')
            self.assertEqual(self.last()['sender'], stored)
            # What was printed is read as the same address.
            self.say(d, f'MAIL FROM:<{stored}>', RCPT, 'DATA')
            self.end(d, b'.\r\n', '250')
            self.assertEqual(self.last()['sender'], stored)

    @row(39, 'a line end inside quotes ends the line')
    def test_quoted_line_end(self):
        d = self.start()
        self.say(d, HELLO, MAIL)
        d.send('RCPT TO:<"a\r\nb"@example.org>\r\nNOOP\r\n')
        self.assertEqual([d.reply()[0][:9] for _ in range(3)],
                         ['501 5.1.3', '500 5.5.1', '250 2.0.0'])

    @row(40, 'a route is dropped')
    def test_route(self):
        d = self.start()
        self.say(d, HELLO, 'MAIL FROM:<@a.example,@b.example:c@d.example>',
                 RCPT, 'DATA')
        self.end(d, b'.\r\n', '250')
        self.assertEqual(self.last()['sender'], 'c@d.example')

    @row(50, 'AUTH= of MAIL is in no header')
    def test_auth_parameter(self):
        d = self.start()
        self.say(d, HELLO, MAIL + ' AUTH=e+2Bvil', RCPT, 'DATA')
        self.end(d, b'.\r\n', '250')
        self.assertNotIn('vil', str(self.last()))

    @row(58, 'garbage instead of a ClientHello')
    def test_tls_garbage(self):
        for text in (b'\0' * 100, b'GET / HTTP/1.0\r\n\r\n',
                     b'\x16\x03\x01\xff\xff' + b'x' * 1000,
                     b'\x80\x01\x01', os.urandom(500)):
            d = self.start(*self.tls())
            self.say(d, HELLO, 'STARTTLS')
            d.send(text)
            d.sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                rest = d.sock.makefile('rb').read()
                self.assertNotIn(b'250', rest)  # an alert at the most
            d.close()

    @row(59, 'the end of TLS in the middle of DATA, then clear text')
    def test_close_notify(self):
        queued = self.queued()
        for state in range(5):
            d = self.start(*self.tls())
            self.say(d, HELLO, 'STARTTLS')
            clear = socket.socket(fileno=os.dup(d.sock.fileno()))
            self.addCleanup(clear.close)
            self.encrypt(d)
            self.say(d, *[HELLO, MAIL, RCPT, 'DATA'][:state])
            if state == 4:
                d.send(B + b'half')
            d.sock.settimeout(10)
            with contextlib.suppress(OSError):
                d.sock.unwrap()
            with contextlib.suppress(OSError):
                clear.settimeout(10)
                clear.sendall(b'\r\n.\r\nNOOP\r\n' + EVIL)
                self.assertEqual(clear.recv(100), b'')
            d.close()
        self.assertEqual(self.queued(), queued)

    @row(60, 'the connection is reset in the middle of DATA')
    def test_reset(self):
        queued = self.queued()
        for text in (b'', B, B + b'x\r\n.', B + b'x\r\n.\r'):
            d = self.data()
            d.send(text)
            time.sleep(0.01)
            d.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack('ii', 1, 0))
            d.close()
        time.sleep(0.2)
        self.assertEqual(self.queued(), queued)

    @row(61, 'closed behind the end of data: stored once')
    def test_closed_before_reply(self):
        queued = self.queued()
        d = self.data()
        d.send(B + b'x\r\n.\r\n')
        d.close()
        wait_for(lambda: self.queued() == queued + 1, 30)
        time.sleep(0.3)
        self.assertEqual(self.queued(), queued + 1)

    @row(62, 'AUTH in clear where passwords need TLS')
    def test_auth_needs_tls(self):
        d = self.start('-o', 'smtp.auth.plain_no_tls=false', *self.tls())
        self.say(d, HELLO)
        for mechanism in ('PLAIN', 'LOGIN', f'PLAIN {PLAIN}'):
            self.assertEqual(d.smtp(f'AUTH {mechanism}')[:10], '538 5.7.11')

    @row(63, 'AUTH: a line of 12 KiB and more')
    def test_auth_long(self):
        for n, want in ((12284, '501 5.5.2'), (12288, '500 5.5.6')):
            d = self.start()
            self.say(d, HELLO)
            self.assertEqual(d.smtp('AUTH PLAIN')[:3], '334')
            self.assertEqual(d.smtp('A' * n)[:9], want)
            self.say(d, 'NOOP')
        d = self.start()
        self.say(d, HELLO)
        self.assertEqual(d.smtp('AUTH PLAIN ' + 'A' * 12288)[:9],
                         '500 5.5.2')

    @row((65, 66), 'AUTH: fails, given up, repeated, in each state')
    def test_auth_states(self):
        wrong = base64.b64encode(b'\0ann@example.org\0no').decode()
        d = self.start()
        self.assertEqual(d.smtp(f'AUTH PLAIN {PLAIN}')[:3], '503')
        self.say(d, HELLO)
        for first, then, want in (
                (f'AUTH PLAIN {wrong}', [], '535 5.7.8'),
                ('AUTH PLAIN', ['*'], '501 5.7.0'),
                ('AUTH LOGIN', ['*'], '501 5.7.0'),
                ('AUTH LOGIN', ['YW5u', '*'], '501 5.7.0'),
                ('AUTH LOGIN', ['YW5u', 'YW5u'], '535 5.7.8'),
                ('AUTH SCRAM-SHA-256', ['*'], '501 5.7.0'),
                ('AUTH SCRAM-SHA-256', ['biwsbj1hLHI9Yg==', '*'],
                 '501 5.7.0'),
                ('AUTH SCRAM-SHA-256', ['biwsbj1hLHI9Yg==', 'AAAA'],
                 '535 5.7.8')):
            with self.subTest(first=first, then=then):
                answer = d.smtp(first)
                for line in then:
                    self.assertEqual(answer[:3], '334')
                    answer = d.smtp(line)
                self.assertEqual(answer[:9], want)
                # Nothing of it is left.
                self.say(d, 'NOOP', MAIL, 'RSET')
        self.say(d, MAIL)
        self.assertEqual(d.smtp(f'AUTH PLAIN {PLAIN}')[:9], '503 5.5.1')
        self.say(d, 'RSET', f'AUTH PLAIN {PLAIN}')
        for line in (f'AUTH PLAIN {PLAIN}', 'AUTH LOGIN', 'AUTH X',
                     f'AUTH PLAIN {wrong}'):
            self.assertEqual(d.smtp(line)[:9], '503 5.5.1')
        # RSET and EHLO keep the login; STARTTLS would forget it.
        self.say(d, 'RSET', HELLO)
        self.assertEqual(d.smtp(MAIL)[:9], '550 5.7.1')
        self.say(d, 'MAIL FROM:<ann@example.org>')

    @row(67, '11 wrong passwords over 5 sessions: delayed, then refused')
    def test_wrong_passwords(self):
        self.system.db.limits.delete_many({})
        wrong = iter(base64.b64encode(
            f'\0ann@example.org\0no{n}'.encode()).decode()
            for n in range(11))
        options = ('-o', 'limit.logins.source=8/15m', '-o',
                   'limit.logins.free=2/15m', '-o', 'limit.logins.delay=1s')
        sessions = [self.start(*options) for _ in range(5)]
        for d in sessions:
            self.say(d, HELLO)
        answers = []
        for n in (5, 5, 1):
            for d in sessions[:n]:
                d.send(f'AUTH PLAIN {next(wrong)}\r\n')
            answers += [d.reply()[0][:9] for d in sessions[:n]]
        # Over the limit one is let through now and then.
        self.assertEqual(sorted(answers), ['454 4.7.0'] * 2 +
                         ['535 5.7.8'] * 9)
        self.assertIn('limit', self.system.logs())
        self.system.db.limits.delete_many({})

    @row(72, 'pipelined past EHLO, AUTH and DATA: 503, closed')
    def test_pipelined_past(self):
        queued = self.queued()
        for before, last in (([], HELLO), ([], 'HELO a.example'),
                             ([HELLO], HELLO),
                             ([HELLO], f'AUTH PLAIN {PLAIN}'),
                             ([HELLO], 'AUTH PLAIN'),
                             ([HELLO, MAIL, RCPT], 'DATA')):
            with self.subTest(last=last, before=before):
                d = self.start()
                self.say(d, *before)
                d.send(f'{last}\r\n{MAIL}\r\n.\r\n{MAIL}\r\n')
                self.assertEqual(d.reply()[-1][:3], '503')
                self.assertTrue(d.is_closed())
        self.assertEqual(self.queued(), queued)

    @row(73, 'commands without end: 421')
    def test_commands_without_end(self):
        for line in ('NOOP', 'RSET'):
            d = self.start()
            before = self.peak()
            last = b''
            with contextlib.suppress(OSError):
                for _ in range(100):
                    d.send(f'{line}\r\n' * 1000)
                    answers = d.sock.recv(1 << 20)
                    last = answers or last
                    if b'421' in last:
                        break
            self.assertIn(b'421 ', last)
            self.assertLess(self.peak() - before, 4096)

    @row(76, 'odd header names: stored as they are, or refused')
    def test_header_names(self):
        for name, want in ((b'a\0b', '550 5.6.11'), (b'a\xffb', '250'),
                           (b'a' * (1 << 20), '250'), (b'', '250'),
                           (b'a b', '250'), (b'\x01', '250')):
            with self.subTest(name=name[:20]):
                d = self.data()
                d.send(name + b': value\r\nSubject: x\r\n\r\nbody\r\n')
                self.assertEqual(d.smtp(b'.\r\n')[:len(want)], want)
                if want == '250' and len(name) < 100:
                    self.assertIn(b'\r\n' + name + b': value\r\nSubject: x'
                                  b'\r\n\r\nbody\r\n', self.last()['body'])

    @row(77, 'MIME without measure: stored, BODYSTRUCTURE is bounded')
    def test_mime(self):
        deep = b''.join(b'Content-Type: multipart/mixed; boundary=b%d\r\n'
                        b'\r\n--b%d\r\n' % (i, i) for i in range(10000))
        wide = (b'Content-Type: multipart/mixed; boundary=b\r\n\r\n' +
                b'--b\r\n\r\nx\r\n' * 100000)
        for text in (deep, wide, b'Content-Type: multipart/mixed; '
                     b'boundary=' + b'b' * 1024 + b'\r\n\r\n--' +
                     b'b' * 1024 + b'\r\n\r\nx\r\n',
                     b'Content-Type: multipart/mixed; boundary="b\r\n\r\n'
                     b'--b\r\n'):
            d = self.data()
            d.send(text)
            self.assertEqual(d.smtp(b'\r\n.\r\n')[:3], '250')
        self.system.db.queue.delete_many(
            {'recipients.address': {'$ne': 'ann@example.org'}})
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        for i in range(4):
            text = d.imap('b', f'FETCH {"*" if not i else last - i}'
                          ' (UID BODYSTRUCTURE)')
            self.assertLess(len(text), 1 << 20)
            self.assertTrue(text.endswith(b'b OK FETCH done\r\n') or
                            b'\r\nb OK' in text, text[-100:])
            if not i:
                last = int(text.split()[1])

    @row(79, 'HTTP is shown the door')
    def test_http(self):
        for line in ('GET / HTTP/1.1', 'POST / HTTP/1.1',
                     'CONNECT x:25 HTTP/1.1'):
            d = self.start()
            d.send(f'{line}\r\nHost: x\r\n\r\n{HELLO}\r\n')
            self.assertEqual(d.reply()[0][:3], '500')
            self.assertTrue(d.is_closed())

    def exists(self):
        return self.system.db.folders.find_one(
            {'name': 'INBOX', 'exists': {'$gt': 0}})['exists']

    @row(80, 'forged trace fields: our own are above them')
    def test_forged(self):
        self.system.db.queue.delete_many({})
        d = self.data()
        d.send(b'Return-Path: <forged@x.example>\r\n'
               b'Delivered-To: someone@x.example\r\n')
        self.end(d, b'.\r\n', '250')
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[HEADER]')
        text = text[text.index(b'}\r\n') + 3:]
        self.assertTrue(text.startswith(
            b'Return-Path: <s@example.net>\r\n'
            b'X-Original-To: ann@example.org\r\n'
            b'Delivered-To: ann@example.org\r\nReceived: '), text)
        self.assertNotIn(b'forged', text)  # RFC 5321 4.4: one Return-Path
        self.assertIn(b'\r\nDelivered-To: someone@x.example\r\n', text)
        # A loop is a Delivered-To of the same mailbox, wherever it stands.
        d = self.start()
        self.say(d, HELLO, 'MAIL FROM:<>', RCPT, 'DATA')
        d.send(b'X: y\r\nDelivered-To: ann@example.org\r\n')
        before = self.exists()
        self.end(d, b'.\r\n', '554 5.4.6')
        self.system.mda()
        self.assertEqual(self.queued(), 0)
        self.assertEqual(self.exists(), before)


class BadInputOfTheListener(BadInput):
    """The listener that forks a child for each connection."""
    form = 'fork'
    step = 1
    pace = 0.1


if __name__ == '__main__':
    unittest.main()
