"""The MIME corpus of tests/compare in our server and in Debian's Dovecot:
each answer is the same or a listed difference (`make compare-imap`)."""
import os
import sys
import unittest

from dovecot import Dovecot
from harness import Dialog, LiveTest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'compare'))
import compare  # noqa: E402
import corpus  # noqa: E402

USER = 'ann@example.org'


class Compare(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox(USER)
        cls.port = cls.system.serve('m3mta-imap', 'imap')
        cls.messages = list(corpus.messages())

    def session(self, port):
        dialog = Dialog(self.system, '', port=port)
        dialog.sock.settimeout(120)
        self.addCleanup(dialog.close)
        return compare.Server(dialog, USER, 'secret')

    def test_corpus(self):
        """It is what it says: big, without NUL, each name once."""
        names = [name for name, _ in self.messages]
        self.assertGreaterEqual(len(names), 500)
        self.assertEqual(len(names), len(set(names)))
        self.assertFalse(any(b'\0' in text for _, text in self.messages))

    def test_answers(self):
        dovecot = Dovecot({USER: '{PLAIN}secret'}, crlf=True)
        self.addCleanup(dovecot.close)
        ours, theirs = (self.session(p) for p in (self.port, dovecot.port))
        theirs.do(f'CREATE {compare.MAILBOX}')
        ours.fill(self.messages)
        theirs.fill(self.messages)
        found, count = compare.differences(ours, theirs, self.messages)
        wrong = compare.judge(found)
        print(f'\n{len(self.messages)} messages, {count} answers compared '
              f'with Dovecot, {len(found)} differences, {len(wrong)} not as '
              'listed ', end='', file=sys.stderr)
        self.assertFalse(wrong, '\n'.join(wrong[:50]))


if __name__ == '__main__':
    unittest.main()
