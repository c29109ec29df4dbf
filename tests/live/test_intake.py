"""What is done to the header of mail that comes in, at each entry: fields that
are left out, texts without a header, X-Spam fields that others wrote."""
import socket
import threading
import unittest

from harness import LiveTest

LOGIN = 'AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ='
HIDDEN = ('Bcc: secret@example.org\r\n', 'Resent-Bcc: secret@example.org\r\n',
          'bcc:\r\n secret@example.org\r\n', 'Return-Path: <secret@x.y>\r\n',
          'Content-Length: 5\r\n')
# What the entry is called, its options, whether it logs in.
ENTRIES = (('mx', (), False), ('login at mx', (), True),
           ('submission', ('--role', 'submission'), True),
           ('relay network', ('-o', 'smtp.relay.networks=127.0.0.0/8'),
            False),
           ('lmtp', ('--role', 'lmtp'), False))


class FakeSpamd:
    """Answers each message with one verdict, and keeps what it saw."""

    def __init__(self, verdict, headers=''):
        self.answer = ('SPAMD/1.1 0 EX_OK\r\nSpam: ' + verdict + '\r\n\r\n' +
                       headers + '\r\n').encode()
        self.seen = b''
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            with c:
                text = b''
                while block := c.recv(65536):
                    text += block
                self.seen = text
                c.sendall(self.answer)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)


class Entry(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def send(self, text, *options, login=False):
        d = self.dialog('m3mta-smtp', *options)
        d.reply()
        d.smtp('LHLO me.example' if 'lmtp' in options else 'EHLO me.example')
        if login:
            self.assertEqual(d.smtp(LOGIN)[:3], '235')
        self.assertEqual(d.smtp('MAIL FROM:<ann@example.org>')[:3], '250')
        self.assertEqual(d.smtp('RCPT TO:<ann@example.org>')[:3], '250')
        self.assertEqual(d.smtp('DATA')[:3], '354')
        d.send(text if isinstance(text, bytes) else text.encode())
        self.assertEqual(d.smtp(b'.\r\n')[:3], '250')

    def stored(self, what='BODY[]', search=None):
        """A part of the newest message of the mailbox, delivered."""
        self.system.mda()
        i = self.dialog('m3mta-imap')
        i.line()
        i.imap('a', 'LOGIN ann@example.org secret')
        count = [line for line in i.imap('b', 'EXAMINE INBOX').split(b'\r\n')
                 if line.endswith(b' EXISTS')][0].split()[1].decode()
        if search:
            self.assertIn(b' ' + count.encode(),
                          i.imap('s', search).split(b'\r\n')[0])
        return i.imap('c', f'FETCH {count} {what}')


class Fields(Entry):
    def test_hidden_fields_go_at_each_entry(self):
        for name, options, login in ENTRIES:
            with self.subTest(entry=name):
                self.send(HIDDEN[0] + 'From: a@b.c\r\n' + ''.join(HIDDEN[1:]) +
                          'Subject: shown\r\n\r\nBcc: body\r\n', *options,
                          login=login)
                text = self.stored()
                for word in (b'secret', b'ontent-Length'):
                    self.assertNotIn(word, text)
                self.assertIn(b'\r\nFrom: a@b.c\r\nSubject: shown\r\n', text)
                self.assertIn(b'\r\n\r\nBcc: body\r\n', text)

    def test_no_header_is_too_long_for_it(self):
        filler = 'X-Filler: ' + 'x' * 900 + '\r\n'
        self.send('Subject: long\r\n' + filler * 1500 + HIDDEN[0] +
                  HIDDEN[1] + '\r\nbody\r\n', '--role', 'submission',
                  login=True)
        text = self.stored()
        self.assertGreater(len(text), 1 << 20)
        self.assertNotIn(b'secret', text)
        self.assertIn(b'\r\nDate: ', text)

    def test_a_login_gets_what_its_message_lacks_on_each_port(self):
        for name, options, login in ENTRIES:
            with self.subTest(entry=name):
                self.send('Subject: x\r\n\r\nx\r\n', *options, login=login)
                text = self.stored('BODY[HEADER]')
                self.assertEqual(b'\r\nDate: ' in text, login)
                self.assertEqual(b'\r\nMessage-ID: <' in text, login)

    def test_a_text_without_a_header_is_a_body(self):
        for text, header in (
                (b'just text needle\r\nsecond line\r\n', b''),
                (b' indented needle\r\n', b''),
                (b'\xef\xbb\xbfFrom: x@example.net\r\nSubject: bom\r\n\r\n'
                 b'needle\r\n', b''),
                (b'Subject: cheque\r\n<html>\r\n<body>needle</body>\r\n',
                 b'Subject: cheque')):
            for options, login in (((), False),
                                   (('--role', 'submission'), True)):
                with self.subTest(text=text, login=login):
                    self.send(text, *options, login=login)
                    body = self.stored('BODY[TEXT]',
                                       search='SEARCH BODY needle')
                    self.assertIn(text[text.index(header) + len(header) + 2 *
                                       bool(header):], body)
                    head = self.stored('BODY[HEADER]')
                    self.assertIn(header, head)
                    self.assertNotIn(b'needle', head)
                    self.assertEqual(b'\r\nMessage-ID: ' in head, login)

    def test_the_line_of_a_mailbox_file_does_not_hide_the_header(self):
        self.send('From a@b.c Sat Nov 28 10:00:00 2026\r\nSubject: kept\r\n'
                  '\r\nx\r\n')
        text = self.stored('BODY[HEADER.FIELDS (SUBJECT)]')
        self.assertIn(b'Subject: kept', text)


FORGED = ('X-Spam-Flag: {0}\r\nX-Spam-Level: *********\r\n'
          'X-Spam-Status: {0}, score=99\r\n')


class Forged(Entry):
    def spamd(self, *verdict):
        spamd = FakeSpamd(*verdict)
        self.addCleanup(spamd.close)
        return f'127.0.0.1:{spamd.port}', spamd

    def judge(self, server, *options, forged='YES', login=False, size=1):
        self.send(FORGED.format(forged) + 'Subject: x\r\n\r\n' +
                  'x' * 70 * size + '\r\n', '-o', f'spam.server={server}',
                  *options, login=login)
        return self.system.db.queue.find_one(sort=[('created_at', -1)])

    def text(self, item):
        return (item.get('headers', b'') + item['body']).decode()

    def test_they_go_when_it_was_judged(self):
        server, spamd = self.spamd('False ; 1.0 / 5.0')
        self.assertNotIn('X-Spam', self.text(self.judge(server)))
        self.assertNotIn(b'X-Spam', spamd.seen)
        server, spamd = self.spamd('True ; 9.0 / 5.0',
                                   'X-Spam-Flag: YES\r\n')
        text = self.text(self.judge(server, forged='NO'))
        self.assertEqual(text.count('X-Spam'), 1)
        self.assertIn('X-Spam-Flag: YES\r\n', text)

    def test_they_go_when_spamd_is_away_or_the_message_is_too_big(self):
        self.assertNotIn('X-Spam', self.text(self.judge('127.0.0.1:1')))
        server, spamd = self.spamd('True ; 9.0 / 5.0', 'X-Spam-Flag: YES\r\n')
        self.assertNotIn('X-Spam', self.text(self.judge(
            server, '-o', 'spam.size.maximum=1024', size=20)))
        self.assertEqual(spamd.seen, b'')

    def test_they_go_before_the_mda_asks(self):
        self.assertNotIn('X-Spam', self.text(self.judge(
            '127.0.0.1:1', '-o', 'spam.at=mda')))

    def test_they_stay_where_nobody_here_judges(self):
        for server, options, login in (
                ('', (), False), ('127.0.0.1:1', (), True),
                ('127.0.0.1:1', ('--role', 'submission'), True),
                ('127.0.0.1:1', ('--role', 'lmtp'), False)):
            with self.subTest(server=server, options=options):
                text = self.text(self.judge(server, *options, login=login))
                self.assertEqual(text.count('X-Spam'), 3)


if __name__ == '__main__':
    unittest.main()
