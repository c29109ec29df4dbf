"""Dialogs with m3mta-smtp: rows of cases-smtp.md (by their ids) and of
cases-bad-input.md. Where a row offers a choice, the stricter one."""
import socket
import time
import unittest

from harness import Dialog, LiveTest

HELLO = 'EHLO me.example'
MAIL = 'MAIL FROM:<s@example.net>'
RCPT = 'RCPT TO:<ann@example.org>'
B = b'Subject: x\r\n\r\n'

# (id, commands before, command, reply)
ROWS = [
    (2, [], 'EHLO', '501'),
    (2, [], 'HELO me', '250'),
    (2, [], 'EHLO [300.1.1.1]', '250'),
    (2, [], 'EHLO [::1]', '250'),
    (2, [], 'EHLO foo.example.', '250'),
    (2, [], 'EHLO my_phone (2nd)', '250'),
    (2, [], 'EHLO jürgens-phone', '250'),
    (2, [], 'EHLO ' + 'x' * 255, '250'),
    (2, [], 'EHLO ' + 'x' * 256, '501'),
    (3, [], MAIL, '503 '),
    (3, [HELLO], RCPT, '503 5.5.1'),
    (3, [HELLO], 'DATA', '503 5.5.1'),
    (3, [HELLO, MAIL], MAIL, '503 5.5.1'),
    (4, [HELLO, MAIL, RCPT, HELLO], 'DATA', '503 5.5.1'),
    (5, [HELLO], 'FROB', '500 5.5.1'),
    (5, [HELLO], 'TURN', '502 5.5.1'),
    (6, [HELLO], 'RSET x', '501 5.5.4'),
    (6, [HELLO], 'QUIT x', '501 5.5.4'),
    (6, [HELLO], 'NOOP x', '250 2.0.0'),
    (7, ['ehlo me.example'], 'mail from:<s@example.net>  ', '250 2.1.0'),
    (8, [HELLO, 'MAIL FROM:<>'], RCPT, '250 2.1.5'),
    (9, [HELLO], 'MAIL FROM:s@example.net', '501 5.1.7'),
    (9, [HELLO], 'MAIL FROM:<a@b@c>', '501 5.1.7'),
    (9, [HELLO], 'MAIL FROM:<@x,@y:a@b.example>', '250 2.1.0'),
    (10, [HELLO], 'MAIL FROM:<"a b"@example.net>', '250 2.1.0'),
    (10, [HELLO, MAIL], 'RCPT TO:<a@[192.0.2.1]>', '550 5.7.1'),
    (11, [HELLO], 'MAIL FROM:<' + 'a' * 65 + '@b.example>', '250 2.1.0'),
    (11, [HELLO], 'MAIL FROM:<' + 'a' * 244 + '@b.example>', '250 2.1.0'),
    (11, [HELLO], 'MAIL FROM:<' + 'a' * 245 + '@b.example>', '501 5.1.7'),
    (11, [HELLO, MAIL], 'RCPT TO:<' + 'a' * 65 + '@example.org>',
     '550 5.1.1'),
    (11, [HELLO, MAIL], 'RCPT TO:<a@' + 'b' * 256 + '>', '501 5.1.3'),
    (12, [HELLO], 'NOOP ' + 'x' * 3000, '500 5.5.2'),
    (13, [HELLO], 'NOOP \0', '500 5.5.2'),
    (13, [HELLO], b'MAIL FROM:<\xc3\xa4@example.net>\r\n', '553 5.6.7'),
    (13, [HELLO], b'NOOP \xff\r\n', '500 5.5.2'),
    (14, [HELLO], b'NOOP\n', '500 5.5.2'),
    (15, [HELLO, MAIL], 'RCPT TO:<nobody@example.org>', '550 5.1.1'),
    (15, [HELLO, MAIL], 'RCPT TO:<a@elsewhere.example>', '550 5.7.1'),
    (16, [HELLO, MAIL], 'RCPT TO:<PostMaster>', '250 2.1.5'),
    (16, [HELLO, MAIL], 'RCPT TO:<postmaster@example.org>', '250 2.1.5'),
    (18, [HELLO, MAIL, RCPT], RCPT, '250 2.1.5'),
    (19, [HELLO, MAIL + ' SIZE=9000'], 'RCPT TO:<small@example.org>',
     '452 4.2.2'),
    (20, [HELLO], MAIL + ' SIZE=99999999999', '552 5.3.4'),
    (20, [HELLO], MAIL + ' SIZE=x', '501 5.5.4'),
    (20, [HELLO], MAIL + ' SIZE=18446744073709551616', '552 5.3.4'),
    (20, [HELLO], MAIL + ' SIZE=' + '9' * 20, '552 5.3.4'),
    (20, [HELLO], MAIL + ' SIZE=' + '9' * 21, '501 5.5.4'),
    (20, [HELLO], MAIL + ' SIZE=', '501 5.5.4'),
    (22, [HELLO], MAIL + ' FOO=1', '555 5.5.4'),
    (22, [HELLO], MAIL + ' SIZE=1 SIZE=1', '501 5.5.4'),
    (22, [HELLO, MAIL], RCPT + ' FOO', '555 5.5.4'),
    (23, [HELLO], MAIL + ' BODY=8BITMIME', '250 2.1.0'),
    (23, [HELLO], MAIL + ' BODY=FOO', '501 5.5.4'),
    (24, [HELLO], MAIL + ' RET=HDRS ENVID=a+2Bb', '250 2.1.0'),
    (24, [HELLO], MAIL + ' RET=X', '501 5.5.4'),
    (24, [HELLO], MAIL + ' ENVID=a+ZZ', '501 5.5.4'),
    (24, [HELLO], MAIL + ' ENVID=' + 'x' * 101, '501 5.5.4'),
    (25, [HELLO, MAIL], RCPT + ' NOTIFY=NEVER', '250 2.1.5'),
    (25, [HELLO, MAIL], RCPT + ' NOTIFY=NEVER,FAILURE', '501 5.5.4'),
    (25, [HELLO, MAIL], RCPT + ' NOTIFY=FOO', '501 5.5.4'),
    (25, [HELLO, MAIL], RCPT + ' ORCPT=ann@example.org', '501 5.5.4'),
    (25, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;', '250 2.1.5'),
    (25, [HELLO, MAIL], RCPT + ' ORCPT=rfc822', '501 5.5.4'),
    (24, [HELLO], MAIL + ' ENVID', '501 5.5.4'),
    (24, [HELLO], MAIL + ' ENVID=', '250 2.1.0'),
    (25, [HELLO, MAIL], RCPT + ' ORCPT=rfc822;ann@example.org', '250 2.1.5'),
    (26, [HELLO], MAIL + ' AUTH=<>', '250 2.1.0'),
    (26, [HELLO], MAIL + ' AUTH=a+0D+0A', '501 5.5.4'),
    (27, [HELLO], 'MAIL FROM:<ä@example.net> SMTPUTF8'.encode() + b'\r\n',
     '250 2.1.0'),
    (27, [HELLO], MAIL + ' SMTPUTF8=x', '501 5.5.4'),
    (28, [HELLO, MAIL, 'RCPT TO:<nobody@example.org>'], 'DATA',
     '554 5.5.1'),
    (42, [HELLO], 'STARTTLS', '502 5.5.1'),
    (42, [HELLO], 'STARTTLS x', '501 5.5.4'),
    (49, [HELLO], 'AUTH FOO', '504 5.5.4'),
    (49, [HELLO, MAIL], 'AUTH PLAIN AAAA', '503 5.5.1'),
    (47, [HELLO], 'AUTH PLAIN !!!!', '501 5.5.2'),
    (48, [HELLO], 'AUTH PLAIN AGFubkBleGFtcGxlLm9yZwB3cm9uZw==',
     '535 5.7.8'),
    (48, [HELLO], 'AUTH PLAIN AHhAZXhhbXBsZS5vcmcAd3Jvbmc=', '535 5.7.8'),
    (47, [HELLO], 'AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=',
     '235 2.7.0'),
    (53, [HELLO], 'VRFY ann', '252 2.5.0'),
    (53, [HELLO], 'EXPN list', '502 5.5.1'),
]

NOT_THE_END = [b'\n.\n', b'\n.\r\n', b'\r\n.\n', b'\r\n.\r', b'\r.\r',
               b'\r.\r\n', b'\r\n.\r\r\n', b'\r\n\0.\r\n', b'\r\n.\0\r\n']


class Dialogs(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.m3mta('mailbox', 'add', 'small@example.org', '--quota=5000',
                '--no-password')

    def start(self, *options):
        d = self.dialog('m3mta-smtp', *options)
        self.assertTrue(d.reply()[0].startswith('220 '))
        return d

    def queued(self):
        return self.system.db.queue.count_documents({})

    def in_data(self, *options):
        d = self.start(*options)
        for command in (HELLO, MAIL, RCPT):
            self.assertTrue(d.smtp(command).startswith('250'))
        self.assertTrue(d.smtp('DATA').startswith('354'))
        return d

    def test_rows(self):
        for number, before, command, want in ROWS:
            with self.subTest(id=number, command=command[:60]):
                d = self.start()
                for line in before:
                    d.smtp(line)
                self.assertEqual(d.smtp(command)[:len(want)], want)
                self.assertTrue(d.smtp('NOOP').startswith('250'))

    def test_end_of_data_variants(self):
        for variant in NOT_THE_END:
            with self.subTest(variant=variant):
                before = self.queued()
                d = self.in_data()
                d.send(B + b'one' + variant + b'MAIL FROM:<evil@x.y>\r\n'
                       b'RCPT TO:<ann@example.org>\r\nDATA\r\ntwo\r\n')
                reply = d.smtp(b'.\r\n')
                self.assertEqual(reply[:10], '550 5.6.11')
                self.assertTrue(d.is_closed())
                self.assertEqual(self.queued(), before)

    def test_end_in_five_segments(self):
        d = self.in_data()
        for octet in (B + b'x', b'\r', b'\n', b'.', b'\r'):
            d.send(octet)
            time.sleep(0.02)
        self.assertTrue(d.smtp(b'\n').startswith('250'))

    def test_two_messages_pipelined(self):
        d = self.start()
        d.smtp(HELLO)
        d.send('\r\n'.join([MAIL, RCPT, 'RCPT TO:<no@example.org>', 'DATA',
                            '']))
        self.assertEqual([d.reply()[-1][:3] for _ in range(4)],
                         ['250', '250', '550', '354'])
        d.send(B + b'a\r\n.\r\n' + (MAIL + '\r\n' + RCPT +
                                    '\r\nDATA\r\n').encode())
        self.assertEqual([d.reply()[-1][:3] for _ in range(4)],
                         ['250', '250', '250', '354'])
        self.assertTrue(d.smtp(b'.\r\n').startswith('250'))

    def test_too_big_goes_on(self):
        d = self.in_data('-o', 'smtp.size.maximum=65536')
        d.send(B + b'x' * 70000 + b'\r\n')
        self.assertEqual(d.smtp(b'.\r\n')[:9], '552 5.3.4')
        self.assertTrue(d.smtp(MAIL).startswith('250'))

    def test_normalise(self):
        d = self.in_data('-o', 'smtp.body.bare_lf=normalise')
        d.send(B + b'a\nb\r\n')
        self.assertTrue(d.smtp(b'.\r\n').startswith('250'))

    def test_loop(self):
        d = self.in_data()
        d.send(b'Received: by x\r\n' * 100 + B)
        self.assertEqual(d.smtp(b'.\r\n')[:9], '554 5.4.6')

    def test_lost_connection_stores_nothing(self):
        before = self.queued()
        d = self.in_data()
        d.send(B + b'half')
        d.sock.shutdown(socket.SHUT_WR)
        self.assertTrue(d.is_closed())
        self.assertEqual(self.queued(), before)

    def test_long_line_closes(self):
        d = self.start()
        try:
            d.send(b'x' * 65600)
        except OSError:
            pass
        self.assertTrue(d.reply()[0].startswith('500'))
        self.assertTrue(d.is_closed())

    def test_too_many_errors(self):
        d = self.start('-o', 'smtp.limit.errors=3')
        for _ in range(3):
            self.assertTrue(d.smtp('FROB').startswith('500'))
        d.smtp('FROB')
        self.assertTrue(d.reply()[0].startswith('421'))
        self.assertTrue(d.is_closed())

    def test_http_is_shown_the_door(self):
        for line in ('GET / HTTP/1.1', 'POST / HTTP/1.1'):
            d = self.start()
            self.assertTrue(d.smtp(line).startswith('500'))
            self.assertTrue(d.is_closed())

    def test_bdat_closes(self):
        d = self.start()
        d.smtp(HELLO)
        self.assertTrue(d.smtp('BDAT 5 LAST').startswith('502'))
        self.assertTrue(d.is_closed())

    def test_idle(self):
        d = self.start('-o', 'smtp.timeout.command=1s')
        self.assertTrue(d.reply()[0].startswith('421'))

    def test_early_talk(self):
        port = self.system.serve('m3mta-smtp', 'smtp', options=[
            '-o', 'smtp.early_talk.delay=1s'])
        d = Dialog(self.system, None, port=port)
        d.send('EHLO x\r\n')
        self.assertTrue(d.reply()[0].startswith('554'))
        d.close()

    def test_submission(self):
        d = self.start('--role', 'submission')
        d.smtp(HELLO)
        self.assertEqual(d.smtp(MAIL)[:9], '530 5.7.0')
        d.smtp('AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=')
        self.assertEqual(d.smtp(MAIL)[:9], '550 5.7.1')
        self.assertTrue(d.smtp('MAIL FROM:<ann@example.org>')
                        .startswith('250'))
        d.smtp(RCPT)
        d.smtp('DATA')
        d.send('Subject: submitted\r\nBcc: hidden@example.net\r\n\r\nx\r\n')
        reply = d.smtp(b'.\r\n')
        self.assertTrue(reply.startswith('250'))
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        found = d.imap('b', 'SEARCH SUBJECT submitted').split()
        text = d.imap('c', f'FETCH {found[2].decode()} BODY[HEADER]')
        self.assertIn(b'\r\nDate: ', text)
        self.assertIn(b'\r\nMessage-ID: <', text)
        self.assertNotIn(b'hidden', text)
        self.assertIn(b'with ESMTPA', text)

    def test_lmtp(self):
        d = self.start('--role', 'lmtp')
        self.assertTrue(d.smtp(HELLO).startswith('500'))
        d.smtp('LHLO me.example')
        d.smtp(MAIL)
        d.smtp(RCPT)
        d.smtp('RCPT TO:<small@example.org>')
        d.smtp('DATA')
        d.send(B)
        self.assertTrue(d.smtp(b'.\r\n').startswith('250'))
        self.assertTrue(d.reply()[0].startswith('250'))


class WithoutDatabase(LiveTest):
    def test_refused_for_now(self):
        d = self.dialog('m3mta-smtp', '-o',
                        'database.uri=mongodb://127.0.0.1:1/')
        d.reply()
        d.smtp(HELLO)
        d.smtp(MAIL)
        start = time.monotonic()
        self.assertEqual(d.smtp(RCPT)[:9], '451 4.3.0')
        self.assertLess(time.monotonic() - start, 5)
        self.assertTrue(d.smtp('QUIT').startswith('221'))


if __name__ == '__main__':
    unittest.main()
