"""The MIME corpus of tests/compare in our server and in Debian's Dovecot:
each answer is the same or a listed difference (`make compare-imap`)."""
import os
import random
import re
import sys
import unittest

from dovecot import Dovecot
from harness import Dialog, LiveTest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'compare'))
import compare  # noqa: E402
import corpus  # noqa: E402
import searches  # noqa: E402

USER = 'ann@example.org'
INDEXED = 'ida@example.org'   # with the text index
MIXED = 'mia@example.org'     # every other message


class Compare(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        for address in (USER, INDEXED, MIXED):
            cls.system.add_mailbox(address)
        cls.port = cls.system.serve('m3mta-imap', 'imap')
        cls.messages = list(corpus.messages())

    def session(self, port, user=USER):
        dialog = Dialog(self.system, '', port=port)
        dialog.sock.settimeout(120)
        self.addCleanup(dialog.close)
        return compare.Server(dialog, user, 'secret')

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

    def indexed(self, address):
        """How many of its messages have an index."""
        owner = self.system.db.mailboxes.find_one({'_id': address})['owner']
        return self.system.db.messages.count_documents({
            'owner': owner, 'grams': {'$exists': True}})

    def needles(self):
        """Pieces of the corpus, of three to twelve octets."""
        rng = random.Random(1)
        for _ in range(40):
            _, text = rng.choice(self.messages)
            at = rng.randrange(max(len(text) - 12, 1))
            piece = text[at:at + rng.randrange(3, 13)]
            if piece.isascii() and piece.decode().isprintable():
                yield re.sub(r'(["\\\\])', r'\\\1', piece.decode())

    def test_index(self):
        """The text index changes no answer: with it, with an index for
        every other message, and without."""
        port = self.system.serve('m3mta-imap', 'imap', options=(
            '-o', 'imap.search.index=true'))
        plain, indexed, mixed = (
            self.session(self.port, USER), self.session(port, INDEXED),
            self.session(port, MIXED))
        if not self.system.db.messages.count_documents({}):
            plain.fill(self.messages)
        plain.do(f'EXAMINE {compare.MAILBOX}')
        indexed.fill(self.messages)
        other = self.session(self.port, MIXED)
        for i, message in enumerate(self.messages):
            (mixed, other)[i % 2].append(i, *message)
        mixed.do(f'EXAMINE {compare.MAILBOX}')
        self.assertEqual(self.indexed(USER), 0)
        self.assertGreater(self.indexed(INDEXED), len(self.messages) - 5)
        self.assertGreater(self.indexed(MIXED), len(self.messages) // 2 - 5)
        commands = [c for c in searches.all_commands() if c[:6] in (
            'SEARCH', b'SEARCH')] + [
                f'SEARCH {key} "{needle}"' for needle in self.needles()
                for key in ('TEXT', 'BODY', 'SUBJECT')]
        hits = 0
        for command in commands:
            answer = plain.answer(command)
            hits += answer[:1].isdigit()
            self.assertEqual(indexed.answer(command), answer, command)
            if 'TEXT' in str(command) or 'BODY' in str(command):
                self.assertEqual(mixed.answer(command), answer, command)
        self.assertGreater(hits, len(commands) // 3)
        # What the index rules out is not read: no octets are needed.
        self.system.db.blobs.delete_many({})
        absent = 'SEARCH UID 1:80 OR BODY "xyzzyplugh" TEXT "xyzzyplugh"'
        self.assertEqual(indexed.answer(absent), '')
        self.assertEqual(plain.answer(absent)[:2], 'NO')

    def test_index_of_delivered(self):
        """By SMTP and the mda, and of a copy; found by what the index has,
        by what stands in the prefix, which it has not, and not else."""
        to = 'del@example.org'
        self.system.add_mailbox(to)
        port = self.system.serve('m3mta-smtp', 'smtp', options=(
            '-o', 'imap.search.index=true'))
        self.system.send(port, 's@example.net', [to],
                         'Subject: of an index\r\n\r\nsome needle\r\n')
        self.system.mda()
        self.assertEqual(self.indexed(to), 1)
        imap = self.session(self.system.serve(
            'm3mta-imap', 'imap', options=('-o', 'imap.search.index=true')),
            to)
        imap.do('SELECT INBOX')
        imap.do('COPY 1 Archive')
        self.assertEqual(self.indexed(to), 2)
        for keys, answer in (
                ('BODY needle', '1'), ('TEXT "an index"', '1'),
                ('TEXT "Return-Path"', '1'), ('TEXT "delivered-to: del@"',
                                              '1'),
                ('BODY "Return-Path"', ''), ('TEXT xyzzy', ''),
                ('SUBJECT index', '1'), ('OR BODY xyzzy TEXT "Delivered"',
                                         '1'), ('NOT BODY xyzzy', '1')):
            self.assertEqual(imap.answer('SEARCH ' + keys), answer, keys)


if __name__ == '__main__':
    unittest.main()
