"""What the tests of bad IMAP input share: programs with sanitizers in them,
both process forms, a mailbox of each test's own, and the line of the cases
that a test shows."""
import re
import socket
import ssl

from harness import Dialog, LiveTest
from test_tls import make_certificate

ANN = 'ann@example.org'
MESSAGE = b'From: A <a@b.example>\r\nSubject: one\r\n\r\nbody\r\n'


def line(number, title):
    """The test shows this line of the IMAP section of the cases."""
    def note(function):
        function.lines = [*getattr(function, 'lines', []), (number, title)]
        return function
    return note


class BadInput(LiveTest):
    """`form`: inetd, a process a connection; fork, the listener."""
    build = '-san'
    form = 'inetd'

    @classmethod
    def prepare(cls):
        s = cls.system
        make_certificate(s.folder, 'main', 'mx.example.org')
        s.set('limit.logins', {'source': '0', 'free': '0'})
        s.set('tls.certificate', s.folder + '/main.pem')
        s.set('tls.key', s.folder + '/main.key')
        s.write_config()
        s.add_domain()
        s.add_mailbox(ANN)
        cls.ports = {}

    def connect(self, *options, user=ANN, speaks=True):
        """A session, logged in unless user is None. speaks: a first command
        shows that it is IMAP (else the third BAD is the last)."""
        if user:
            options = ('--preauth', user, *options)
        if options not in self.ports:
            self.ports[options] = self.system.serve(
                'm3mta-imap', 'imap', form=self.form, options=options)
        d = Dialog(self.system, None, port=self.ports[options])
        self.addCleanup(d.close)
        self.assertRegex(d.line(), rb'^\* (OK|PREAUTH) ')
        if speaks and not user:
            self.is_sane(d)
        return d

    @property
    def box(self):
        return self._testMethodName

    def select(self, *options, messages=0, user=ANN):
        """A session with a mailbox of this test selected."""
        d = self.connect(*options, user=user)
        self.tell(d, f'CREATE {self.box}')
        if messages:
            self.append(d, MESSAGE, messages)
        self.ok(d, f'SELECT {self.box}')
        return d

    def append(self, d, message, n=1, flags=''):
        one = f' ({flags}) {{{len(message)}+}}\r\n'.encode() + message
        text = self.tell(d, f'APPEND {self.box}'.encode() + one * n)
        self.assertIn(b'a OK [APPENDUID', text)

    # --- what is answered ---------------------------------------------------

    def tell(self, d, command, tag='a'):
        """All that is answered, the tagged line last."""
        if isinstance(command, str):
            command = command.encode()
        d.send(tag.encode() + b' ' + command + b'\r\n')
        return d.until(tag)

    def answer(self, d, command, want):
        """The tagged answer, which has to match."""
        text = self.tell(d, command)
        last = text[text[:-2].rfind(b'\r\n') + 2:] if b'\r\n' in text[:-2] \
            else text
        self.assertRegex(last, b'^a ' + want, command[:80])
        return text

    def ok(self, d, command):
        return self.answer(d, command, b'OK')

    def bad(self, d, command):
        return self.answer(d, command, b'BAD')

    def no(self, d, command):
        return self.answer(d, command, b'NO')

    def raw(self, d, data, want):
        """Octets as they are, and the first line of the answer."""
        d.send(data)
        got = d.line()
        self.assertRegex(got, want, data[:80])
        return got

    def is_sane(self, d):
        self.assertEqual(self.tell(d, 'NOOP', 'sane')[:7], b'sane OK')

    def rest(self, d):
        """All until the server closes."""
        text = b''
        try:
            while True:
                part = d.file.read(65536)
                if not part:
                    return text
                text += part
        except ConnectionResetError:
            return text

    def boxes(self):
        """The mailboxes that there are, by another session."""
        d = self.connect()
        text = self.ok(d, 'LIST "" "*"')
        d.close()
        return [x.strip('"') for x in
                re.findall(r'\) "/" (.*)\r\n', text.decode())]

    def encrypt(self, d):
        context = ssl.create_default_context(
            cafile=self.system.folder + '/main.pem')
        d.file.close()
        d.sock = context.wrap_socket(
            d.sock, server_hostname='mx.example.org',
            suppress_ragged_eofs=True)
        d.file = d.sock.makefile('rb')

    @staticmethod
    def shut(d):
        d.sock.shutdown(socket.SHUT_WR)
