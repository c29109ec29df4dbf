"""What the modules of numbered cases share: a system, a port for each set of
options, in the process form that the class names."""
import base64
import ssl

from harness import Dialog, LiveTest
from test_smtp_dialog import B, HELLO, MAIL, RCPT
from test_tls import make_certificate

PLAIN = base64.b64encode(b'\0ann@example.org\0secret').decode()


def row(number, title):
    """Notes which case a test shows, for tests/conformance."""
    def note(function):
        function.row = (number, title)
        return function
    return note


class RowTest(LiveTest):
    form = 'inetd'  # or fork
    build = '-san'

    @classmethod
    def prepare(cls):
        s = cls.system
        make_certificate(s.folder, 'main', 'mx.example.org')
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.add_mailbox('off@example.org')
        s.m3mta('mailbox', 'set', 'off@example.org', '--disable')
        s.set('limit.logins', {'source': '0', 'free': '0'})
        s.write_config()
        s.m3mta('mailbox', 'add', 'small@example.org', '--quota=5000',
                '--no-password')
        cls.ports = {}

    def tls(self):
        f = self.system.folder
        return ('-o', f'tls.certificate={f}/main.pem', '-o',
                f'tls.key={f}/main.key')

    def start(self, *options, greeting='220'):
        if options not in self.ports:
            self.ports[options] = self.system.serve(
                'm3mta-smtp', 'smtp', form=self.form, options=options)
        d = Dialog(self.system, None, port=self.ports[options])
        self.addCleanup(d.close)
        if greeting:
            self.assertEqual(d.reply()[0][:3], greeting)
        return d

    def say(self, d, *lines):
        for line in lines:
            answer = d.smtp(line)
            self.assertIn(answer[:1], '23', (line, answer))

    def data(self, *options):
        d = self.start(*options)
        self.say(d, HELLO, MAIL, RCPT, 'DATA')
        return d

    def end(self, d, text, want):
        self.assertEqual(d.smtp(B + text)[:len(want)], want)

    def queued(self):
        return self.system.db.queue.count_documents({})

    def encrypt(self, d):
        context = ssl.create_default_context(
            cafile=self.system.folder + '/main.pem')
        d.file.close()
        d.sock = context.wrap_socket(
            d.sock, server_hostname='mx.example.org')
        d.file = d.sock.makefile('rb')
