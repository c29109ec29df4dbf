"""What the cases of IMAP share: a client that has logged in, and a mailbox
for each test behind a listener in one of the two process forms."""
import re

from harness import Dialog, LiveTest

MESSAGE = b'From: A <a@b.example>\r\nSubject: one\r\n\r\nbody\r\n'


class Session(Dialog):
    """A client that has logged in."""

    def __init__(self, test, *enable, select=None, examine=None):
        super().__init__(test.system, None, port=test.port)
        test.addCleanup(self.close)
        self.test = test
        test.assertTrue(self.line().startswith(b'* OK'))
        self.ok(f'LOGIN {test.address} secret')
        if enable:
            self.ok('ENABLE ' + ' '.join(enable))
        if select:
            self.ok(f'SELECT {select}')
        if examine:
            self.ok(f'EXAMINE {examine}')

    def want(self, result, command):
        answer = self.imap('a', command)
        self.test.assertRegex(answer, rb'(?m)^a ' + result, command)
        return answer

    def ok(self, command):
        return self.want(b'OK', command)

    def no(self, command, code=''):
        return self.want(b'NO ' + re.escape(code).encode(), command)

    def bad(self, command):
        return self.want(b'BAD', command)

    def append(self, n=1, flags='', folder='INBOX', text=MESSAGE, date=''):
        for _ in range(n):
            self.send(f'p APPEND {folder} ({flags}) {date}{{{len(text)}+}}'
                      '\r\n'.encode() + text + b'\r\n')
            answer = self.until('p')
            self.test.assertIn(b'p OK [APPENDUID', answer)
        return answer

    def idle(self):
        """The lines that came before "+"."""
        self.send('i IDLE\r\n')
        before = []
        while not (line := self.line()).startswith(b'+'):
            before.append(line)
        return before

    def done(self):
        self.send('DONE\r\n')
        answer = self.until('i')
        self.test.assertRegex(answer, rb'(?m)^i OK')
        return answer

    def number(self, text, name):
        return int(re.search(rb'%s (\d+)' % name, text).group(1))

    def search(self, keys, kind=b'SEARCH'):
        answer = self.ok(f'SEARCH {keys}')
        return answer[answer.index(b'* ' + kind) + len(kind) + 3:
                      answer.index(b'\r\n')].decode()


class CaseTest(LiveTest):
    """Subclasses say the form: inetd or fork."""
    form = None

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.port = cls.system.serve('m3mta-imap', 'imap', form=cls.form)

    def setUp(self):
        self.address = f'{self._testMethodName.lower()}@example.org'
        self.system.add_mailbox(self.address)

    def tearDown(self):
        self.system.verify()

    def start(self, *enable, **how):
        return Session(self, *enable, **how)
