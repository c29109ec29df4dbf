"""Rows 1 to 56 of the SMTP cases against the real binary, in both process
forms: a process for the connection (as from inetd) and the listener that
forks, with sanitizers in it. Rows 57 to 60 are outbound: test_remote,
test_remote_faults, test_routing. `make conformance` prints all of them row
by row."""
import base64
import contextlib
import socket
import time
import unittest

from rows import PLAIN, RowTest, row
from test_smtp_dialog import B, HELLO, MAIL, NOT_THE_END, RCPT, ROWS


class Rows(RowTest):
    """The form in which each connection is a process of its own."""

    @row(0, 'the rows that are one command and its reply')
    def test_table(self):
        for number, before, command, want in ROWS:
            with self.subTest(row=number, command=command[:50]):
                d = self.start()
                for line in before:
                    d.smtp(line)
                self.assertEqual(d.smtp(command)[:len(want)], want)
                self.assertEqual(d.smtp('NOOP')[:3], '250')

    @row(1, 'a client that talks before the banner')
    def test_early_talk(self):
        d = self.start('-o', 'smtp.early_talk.delay=1s', greeting=None)
        d.send(HELLO + '\r\n')
        self.assertEqual(d.reply()[0][:3], '554')
        self.assertTrue(d.is_closed())

    @row(3, 'the first transaction stays intact')
    def test_order(self):
        d = self.start()
        self.say(d, HELLO, MAIL)
        self.assertEqual(d.smtp('MAIL FROM:<b@b.example>')[:9], '503 5.5.1')
        self.say(d, RCPT, 'DATA')
        self.end(d, b'.\r\n', '250')
        self.assertEqual(self.system.db.queue.find_one(
            sort=[('created_at', -1)])['sender'], 's@example.net')

    @row(12, 'no line end for 64 KiB: one 500, closed')
    def test_endless_line(self):
        d = self.start()
        try:
            d.send(b'x' * 65600)
        except OSError:
            pass
        self.assertEqual(d.reply()[0][:3], '500')
        self.assertTrue(d.is_closed())

    @row(17, 'recipients over the limit')
    def test_recipients(self):
        d = self.start('-o', 'smtp.limit.recipients=100', '-o',
                       'address.separator=+')
        self.say(d, HELLO, MAIL)
        for i in range(100):
            self.say(d, f'RCPT TO:<ann+{i}@example.org>')
        self.assertEqual(d.smtp('RCPT TO:<ann+x@example.org>')[:9],
                         '452 4.5.3')
        self.say(d, 'DATA')
        self.end(d, b'.\r\n', '250 2.0.0')

    @row(18, 'the same recipient twice is delivered once')
    def test_twice(self):
        d = self.start()
        self.say(d, HELLO, MAIL, RCPT, RCPT, 'DATA')
        self.end(d, b'.\r\n', '250')
        item = self.system.db.queue.find_one(sort=[('created_at', -1)])
        self.assertEqual(len(item['recipients']), 1)

    @row(21, 'declared small, data too big; the session goes on')
    def test_too_big(self):
        d = self.start('-o', 'smtp.size.maximum=65536')
        self.say(d, HELLO, MAIL + ' SIZE=10', RCPT, 'DATA')
        self.end(d, b'x' * 70000 + b'\r\n.\r\n', '552 5.3.4')
        self.say(d, MAIL)

    @row(28, 'body lines never run as commands')
    def test_no_recipient(self):
        d = self.start()
        self.say(d, HELLO, MAIL)
        d.send('RCPT TO:<no@example.org>\r\nDATA\r\nQUIT\r\n')
        self.assertEqual([d.reply()[-1][:3] for _ in range(2)],
                         ['550', '554'])
        self.assertTrue(d.is_closed())

    @row(29, 'the end of data and stuffed dots, split at every octet')
    def test_end_of_data(self):
        text = B + b'..\r\n...\r\n..x\r\n.\r\n'
        for i in range(len(text) + 1):
            d = self.data()
            d.send(text[:i])
            if i % 4 == 0:
                time.sleep(0.005)  # two segments for a part of the cuts
            answer = d.smtp(text[i:])
            self.assertEqual(answer[:9], '250 2.0.0', i)
            d.close()
        item = self.system.db.queue.find_one(sort=[('created_at', -1)])
        self.assertTrue(item['body'].endswith(b'\r\n\r\n.\r\n..\r\n.x\r\n'))

    @row(30, 'what is not the end of data')
    def test_not_the_end(self):
        for variant in NOT_THE_END:
            with self.subTest(variant=variant):
                before = self.queued()
                d = self.data()
                d.send(B + b'one' + variant + b'two')
                self.assertEqual(d.smtp(b'\r\n.\r\n')[:10], '550 5.6.11')
                self.assertEqual(self.queued(), before)

    @row(31, 'a smuggled envelope, split at every octet')
    def test_smuggling(self):
        before = self.queued()
        text = (B + b'one\n.\r\nMAIL FROM:<evil@x.y>\r\n'
                b'RCPT TO:<ann@example.org>\r\nDATA\r\ntwo\r\n.\r\n')
        for i in range(0, len(text), 3 if self.form == 'inetd' else 1):
            d = self.data()
            d.send(text[:i])
            answer = d.smtp(text[i:])
            self.assertEqual(answer[:10], '550 5.6.11')
            self.assertTrue(d.is_closed())
            d.close()
        self.assertEqual(self.queued(), before)

    @row(32, 'bare CR and LF: refused, or made whole by option')
    def test_bare(self):
        for octet in (b'\r', b'\n'):
            d = self.data()
            self.end(d, b'a' + octet + b'b\r\n.\r\n', '550 5.6.11')
            d = self.data('-o', 'smtp.body.bare_lf=normalise')
            self.end(d, b'a' + octet + b'b\r\n.\r\n', '250')

    @row(33, 'lines of 998, 1,000 and 100,000 octets are kept')
    def test_long_text_lines(self):
        for n in (998, 1000, 100000):
            d = self.data()
            self.end(d, b'x' * n + b'\r\n.\r\n', '250')
            item = self.system.db.queue.find_one(sort=[('created_at', -1)])
            if n < 60000:
                self.assertIn(b'\r\n' + b'x' * n + b'\r\n', item['body'])

    @row(34, '8-bit data without BODY=8BITMIME is kept')
    def test_8bit(self):
        d = self.data()
        self.end(d, b'\xc3\xa4\xff\r\n.\r\n', '250')
        item = self.system.db.queue.find_one(sort=[('created_at', -1)])
        self.assertIn(b'\xc3\xa4\xff', item['body'])

    @row(35, '100 Received fields')
    def test_hops(self):
        d = self.data()
        d.send(b'Received: by x\r\n' * 100)
        self.end(d, b'.\r\n', '554 5.4.6')

    @row(37, 'the connection is lost before the final dot')
    def test_lost(self):
        before = self.queued()
        d = self.data()
        d.send(B + b'half')
        d.sock.shutdown(socket.SHUT_WR)
        self.assertTrue(d.is_closed())
        self.assertEqual(self.queued(), before)

    @row(39, 'the database is away')
    def test_no_database(self):
        d = self.start('-o', 'database.uri=mongodb://127.0.0.1:1/')
        self.say(d, HELLO, MAIL)
        self.assertEqual(d.smtp(RCPT)[:9], '451 4.3.0')
        self.assertEqual(d.smtp('QUIT')[:3], '221')

    @row(40, 'a pipelined transaction with one bad recipient')
    def test_pipelined(self):
        d = self.start()
        self.say(d, HELLO)
        d.send('\r\n'.join([MAIL, RCPT, 'RCPT TO:<no@example.org>', 'DATA',
                            '']))
        self.assertEqual([d.reply()[-1][:3] for _ in range(4)],
                         ['250', '250', '550', '354'])
        self.end(d, b'.\r\n', '250')

    @row(41, 'data behind DATA before the 354: 503, closed')
    def test_data_in_advance(self):
        before = self.queued()
        d = self.start()
        self.say(d, HELLO, MAIL, RCPT)
        d.send(b'DATA\r\n' + B + b'QUIT\r\n.\r\nNOOP\r\n')
        self.assertEqual(d.reply()[-1][:9], '503 5.5.0')
        self.assertTrue(d.is_closed())
        self.assertEqual(self.queued(), before)

    @row(42, 'STARTTLS, and twice')
    def test_starttls(self):
        d = self.start(*self.tls())
        self.say(d, HELLO)
        self.assertEqual(d.smtp('STARTTLS x')[:9], '501 5.5.4')
        self.assertEqual(d.smtp('STARTTLS')[:9], '220 2.0.0')
        self.encrypt(d)
        self.say(d, HELLO)
        self.assertEqual(d.smtp('STARTTLS')[:9], '503 5.5.1')

    @row(43, 'octets behind STARTTLS, split at every octet')
    def test_injection(self):
        text = b'STARTTLS\r\nNOOP\r\nRSET\r\n'
        for i in range(len(text) + 1):
            d = self.start(*self.tls())
            self.say(d, HELLO)
            d.send(text[:i])
            if i < 11 and i % 3 == 0:
                time.sleep(0.003)
            try:
                d.send(text[i:])
                answers = d.file.read()
            except OSError:
                answers = b''
            # Closed, or 220 and then a handshake that fails; never a reply
            # to NOOP.
            self.assertLessEqual(answers.count(b'\r\n'), 1, answers)
            self.assertNotIn(b'250', answers)
            d.close()

    @row(44, 'after TLS everything is forgotten')
    def test_after_tls(self):
        d = self.start(*self.tls())
        self.say(d, HELLO)
        self.say(d, 'STARTTLS')
        self.encrypt(d)
        self.assertEqual(d.smtp(MAIL)[:3], '503')
        d.send(HELLO + '\r\n')
        lines = d.reply()
        self.assertFalse([x for x in lines if 'STARTTLS' in x])
        self.assertTrue([x for x in lines if 'AUTH' in x and 'PLAIN' in x])

    @row(45, 'TLS is required')
    def test_required(self):
        d = self.start('-o', 'smtp.starttls=required', *self.tls())
        self.say(d, HELLO, 'NOOP', 'HELP')
        self.assertEqual(d.smtp(MAIL)[:9], '530 5.7.0')
        self.assertEqual(d.smtp('AUTH PLAIN')[:10], '538 5.7.11')
        self.say(d, 'QUIT')

    @row(46, 'TLS is required for remote recipients')
    def test_required_for_remote(self):
        d = self.start('-o', 'smtp.starttls=remote', '-o',
                       'smtp.relay.networks=127.0.0.0/8', *self.tls())
        self.say(d, HELLO, MAIL, RCPT)
        self.assertEqual(d.smtp('RCPT TO:<a@far.example>')[:9],
                         '530 5.7.0')

    @row(47, 'AUTH PLAIN in its forms')
    def test_auth_plain(self):
        for first, then, want in (
                (f'AUTH PLAIN {PLAIN}', None, '235 2.7.0'),
                ('AUTH PLAIN', PLAIN, '235 2.7.0'),
                ('AUTH PLAIN', '*', '501 5.7.0'),
                ('AUTH PLAIN =', None, '501 5.5.2'),
                ('AUTH PLAIN', 'not base64!', '501 5.5.2')):
            with self.subTest(first=first, then=then):
                d = self.start()
                self.say(d, HELLO)
                answer = d.smtp(first)
                if then:
                    self.assertEqual(answer[:3], '334')
                    answer = d.smtp(then)
                self.assertEqual(answer[:9], want)

    @row(48, 'wrong password, unknown and disabled user: the same')
    def test_auth_fails(self):
        answers = set()
        for user in ('ann', 'nobody', 'off'):
            d = self.start()
            self.say(d, HELLO)
            text = f'\0{user}@example.org\0wrong'.encode()
            answers.add(d.smtp('AUTH PLAIN ' +
                               base64.b64encode(text).decode()))
        self.assertEqual(len(answers), 1)
        self.assertEqual(answers.pop()[:9], '535 5.7.8')

    @row(49, 'AUTH again, and a line over 12,288 octets')
    def test_auth_again(self):
        d = self.start()
        self.say(d, HELLO, f'AUTH PLAIN {PLAIN}')
        self.assertEqual(d.smtp(f'AUTH PLAIN {PLAIN}')[:9], '503 5.5.1')
        d = self.start()
        self.say(d, HELLO)
        self.assertEqual(d.smtp('AUTH PLAIN')[:3], '334')
        self.assertEqual(d.smtp('x' * 12300)[:9], '500 5.5.6')

    @row(50, 'AUTH when the database is away')
    def test_auth_temporary(self):
        d = self.start('-o', 'database.uri=mongodb://127.0.0.1:1/')
        self.say(d, HELLO)
        self.assertEqual(d.smtp(f'AUTH PLAIN {PLAIN}')[:9], '454 4.7.0')

    @row(51, 'submission without AUTH; a sender of another')
    def test_submission(self):
        d = self.start('--role', 'submission')
        self.say(d, HELLO)
        self.assertEqual(d.smtp(MAIL)[:9], '530 5.7.0')
        self.say(d, f'AUTH PLAIN {PLAIN}')
        self.assertEqual(d.smtp(MAIL)[:9], '550 5.7.1')
        self.say(d, 'MAIL FROM:<ann@example.org>')

    @row(52, 'Date and Message-ID: added on 587, left alone on 25')
    def test_completed(self):
        for role, login, want in (('mx', None, False),
                                  ('submission', PLAIN, True)):
            d = self.start('--role', role)
            self.say(d, HELLO)
            if login:
                self.say(d, f'AUTH PLAIN {login}')
            self.say(d, 'MAIL FROM:<ann@example.org>', RCPT, 'DATA')
            self.end(d, b'x\r\n.\r\n', '250')
            body = self.system.db.queue.find_one(
                sort=[('created_at', -1)])['body']
            for name in (b'\r\nDate: ', b'\r\nMessage-ID: '):
                self.assertEqual(name in body, want, (role, name))

    @row(53, 'VRFY and EXPN, on and off')
    def test_vrfy(self):
        d = self.start('-o', 'smtp.vrfy=true', '-o', 'smtp.expn=true')
        self.say(d, HELLO)
        self.assertEqual(d.smtp('VRFY ann@example.org')[:3], '250')
        self.assertEqual(d.smtp('VRFY no@example.org')[:9], '550 5.1.1')

    @row(54, 'idle, and a shutdown in the middle of DATA')
    def test_idle(self):
        d = self.start('-o', 'smtp.timeout.command=1s')
        self.assertEqual(d.reply()[0][:3], '421')
        self.assertTrue(d.is_closed())
        before = self.queued()
        d = self.data('-o', 'smtp.limit.commands=9999')
        d.send(B + b'half\r\n')
        self.system.stop(self.system.processes[-1])
        if self.form == 'fork':
            self.assertEqual(d.reply()[0][:9], '421 4.3.2')
        else:
            # The process may have been told to end as well.
            with contextlib.suppress(OSError):
                d.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(self.queued(), before)

    @row(55, 'too many bad commands')
    def test_errors(self):
        d = self.start('-o', 'smtp.limit.errors=3')
        for _ in range(3):
            self.assertEqual(d.smtp('FROB')[:3], '500')
        d.smtp('FROB')
        self.assertEqual(d.reply()[0][:3], '421')
        self.assertTrue(d.is_closed())

    @row(56, 'BDAT is not offered: refused and closed')
    def test_bdat(self):
        d = self.start()
        d.send(HELLO + '\r\n')
        self.assertFalse([x for x in d.reply() if 'CHUNKING' in x])
        self.assertEqual(d.smtp('BDAT 5 LAST')[:9], '502 5.5.1')
        self.assertTrue(d.is_closed())


class RowsOfTheListener(Rows):
    """The listener that forks a child for each connection."""
    form = 'fork'


if __name__ == '__main__':
    unittest.main()
