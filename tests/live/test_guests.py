"""What a guest of a folder cannot use up, and names that stay within reach."""
import re
import unittest

from preauth import PreauthTest
from limits import LIMITS

ANN, BOB, CAT = ('ann@example.org', 'bob@example.org', 'cat@example.org')
SHARED = f'Other Users/{ANN}/Plans'
MAX_ENTRIES = LIMITS['LIMIT_ANNOTATIONS']
MAX_KEYWORDS = LIMITS['LIMIT_KEYWORDS']
MAX_OWNER = LIMITS['LIMIT_ANNOTATIONS_OWNER']
MESSAGE = '{17+}\r\nSubject: x\r\n\r\nx\r\n'


class GuestTest(PreauthTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        for address in (ANN, BOB, CAT):
            self.system.m3mta('mailbox', 'add', address, '--no-password')
        self.ann, self.bob = self.start(ANN), self.start(BOB)
        self.ok(self.ann, 'CREATE Plans')
        self.ok(self.ann, f'SETACL Plans {BOB} lrw')

    def tearDown(self):
        self.system.verify()
        for address in (ANN, BOB, CAT):
            self.system.m3mta('mailbox', 'remove', address, '--yes',
                              code=None)
        self.system.verify()


class Annotations(GuestTest):
    def fill(self, d, name, n, first=0):
        entries = ' '.join(f'/private/e{first + i} "x"' for i in range(n))
        self.ok(d, f'SETMETADATA "{name}" ({entries})')

    def test_each_person_has_a_number_of_his_own(self):
        self.fill(self.bob, SHARED, MAX_ENTRIES)
        self.no(self.bob, f'SETMETADATA "{SHARED}" (/private/more "x")',
                b'METADATA TOOMANY')
        # Neither the owner nor another guest feels it.
        self.fill(self.ann, 'Plans', MAX_ENTRIES - 1)
        self.ok(self.bob, f'SETMETADATA "{SHARED}" (/shared/ours "x")')
        self.no(self.ann, 'SETMETADATA Plans (/private/more "x")',
                b'METADATA TOOMANY')
        self.ok(self.ann, f'SETACL Plans {CAT} lr')
        cat = self.start(CAT)
        self.fill(cat, SHARED, MAX_ENTRIES)
        # Nobody sees or removes another's.
        self.ok(self.ann, 'SETMETADATA Plans (/private/e0 NIL)')
        for d, name in ((self.bob, SHARED), (cat, SHARED)):
            self.assertIn(b'"x"', self.ok(
                d, f'GETMETADATA "{name}" /private/e0'))
        self.assertIn(b'NIL', self.ok(
            self.ann, 'GETMETADATA Plans /private/e0'))

    def test_all_folders_together_are_bounded(self):
        for i in range(MAX_OWNER // MAX_ENTRIES):
            self.ok(self.ann, f'CREATE F{i}')
            self.ok(self.ann, f'SETACL F{i} {BOB} lr')
            self.fill(self.bob, f'Other Users/{ANN}/F{i}', MAX_ENTRIES)
        self.no(self.bob, f'SETMETADATA "{SHARED}" (/private/x "x")',
                b'METADATA TOOMANY')
        self.fill(self.ann, 'Plans', MAX_ENTRIES)

    def test_they_go_with_the_mailbox_of_the_guest(self):
        db = self.system.db
        self.fill(self.bob, SHARED, 3)
        self.fill(self.ann, 'Plans', 2)
        self.assertEqual(db.annotations.count_documents({}), 5)
        self.system.m3mta('mailbox', 'remove', BOB, '--yes')
        self.assertEqual(db.annotations.count_documents({}), 2)

    def test_verify_tells_of_annotations_without_a_person(self):
        db = self.system.db
        self.fill(self.bob, SHARED, 1)
        self.fill(self.ann, 'Plans', 1)
        for query, change in (
                ({'user': {'$exists': True}},
                 {'$set': {'user': '0' * 36}}),
                ({'user': {'$exists': True}}, {'$unset': {'user': 1}}),
                ({'user': {'$exists': False}},
                 {'$set': {'owner': b'x' * 16}})):
            old = db.annotations.find_one(query)
            db.annotations.update_one({'_id': old['_id']}, change)
            done = self.system.run(
                [self.system.binary('m3mta'), '-c', self.system.config,
                 'verify'], code=1)
            self.assertRegex(done.stdout, b'annotation-(user|owner)')
            db.annotations.replace_one({'_id': old['_id']}, old)


class Keywords(GuestTest):
    def setUp(self):
        super().setUp()
        for _ in range(3):
            self.ok(self.ann, f'APPEND Plans {MESSAGE}')
        self.names = ' '.join(f'$k{i}' for i in range(MAX_KEYWORDS))

    def flags(self, d):
        return re.search(rb'FLAGS \(([^)]*)\)', d.imap(
            'f', 'FETCH 1 FLAGS')).group(1).split()

    def test_a_guest_cannot_use_them_up(self):
        self.ok(self.bob, f'SELECT "{SHARED}"')
        self.ok(self.bob, f'STORE 1 +FLAGS ({self.names})')
        self.ok(self.bob, f'STORE 1 -FLAGS ({self.names})')
        answer = self.ok(self.ann, 'SELECT Plans')
        self.assertRegex(answer, rb'PERMANENTFLAGS \([^)]*\\\*')
        self.assertNotIn(b'$k0', answer)
        answer = self.ok(self.ann, r'STORE 1 +FLAGS ($Forwarded Mine)')
        self.assertLess(answer.index(b'* FLAGS'), answer.index(b'FETCH'))
        self.assertIn(b'$Forwarded', answer)
        # Who has the mailbox open hears the new names before they are used.
        answer = self.ok(self.bob, 'NOOP')
        self.assertRegex(answer, rb'FLAGS \([^)]*\$Forwarded')
        self.assertRegex(answer, rb'FETCH \(.*FLAGS \([^)]*\$Forwarded')
        self.assertLess(answer.index(b'* FLAGS'), answer.index(b'FETCH'))
        self.assertIn(b'$Forwarded', self.flags(self.bob))

    def test_a_session_that_is_open_takes_the_places_too(self):
        self.ok(self.ann, 'SELECT Plans')
        self.ok(self.ann, f'STORE 1 +FLAGS ({self.names})')
        answer = self.ok(self.ann, 'NOOP')
        self.no(self.ann, 'STORE 2 +FLAGS (more)', b'LIMIT')
        self.ok(self.ann, 'STORE 1 -FLAGS ($k5 $k6)')
        self.ok(self.ann, 'STORE 2 +FLAGS (more)')
        self.ok(self.ann, f'APPEND Plans (other $k7) {MESSAGE}')
        self.no(self.ann, 'STORE 2 +FLAGS (third)', b'LIMIT')
        self.assertIn(b'$k7', self.ok(self.ann, 'FETCH 4 FLAGS'))
        seen = self.ok(self.ann, 'FETCH 1:4 FLAGS')
        self.assertEqual(seen.count(b'more'), 1)
        self.assertEqual(seen.count(b'other'), 1)
        self.assertNotRegex(seen, rb'\$k[56] ')
        for word, n in ((b'more', b'2'), (b'other', b'4')):
            self.assertIn(b'* SEARCH ' + n + b'\r\n', self.ok(
                self.ann, f'SEARCH KEYWORD {word.decode()}'))

    def test_full_is_said(self):
        self.ok(self.ann, 'SELECT Plans')
        self.ok(self.ann, f'STORE 1 +FLAGS ({self.names})')
        answer = self.ok(self.ann, 'SELECT Plans')
        self.assertNotRegex(answer, rb'PERMANENTFLAGS \([^)]*\\\*')
        self.assertIn(b'$k56', answer)
        self.ok(self.ann, 'STORE 1 -FLAGS ($k56)')
        answer = self.ok(self.ann, 'SELECT Plans')
        self.assertRegex(answer, rb'PERMANENTFLAGS \([^)]*\\\*')

    def test_messages_in_pages_keep_theirs(self):
        self.ok(self.ann, 'SELECT Plans')
        self.ok(self.ann, 'STORE 1 +FLAGS (old)')
        for _ in range(70):
            self.ok(self.ann, f'APPEND Plans {MESSAGE}')
        names = ' '.join(f'$k{i}' for i in range(MAX_KEYWORDS - 1))
        self.ok(self.ann, f'STORE 70 +FLAGS ({names})')
        self.ok(self.ann, f'STORE 70 -FLAGS ({names})')
        self.ok(self.ann, 'STORE 2 +FLAGS (new)')
        self.assertEqual(self.flags(self.ann).count(b'old'), 1)
        self.assertIn(b'* SEARCH 2\r\n', self.ok(
            self.ann, 'SEARCH KEYWORD new'))
        self.ok(self.ann, 'COPY 1:2 Archive')
        self.ok(self.ann, 'SELECT Archive')
        self.assertIn(b'old', self.ok(self.ann, 'FETCH 1 FLAGS'))


class Names(GuestTest):
    def test_rename_makes_no_name_that_no_command_can_name(self):
        long, deep = 'p/' + 'x' * 900, '/'.join('q' * 30)
        for name, to in ((long, 'y' * 990), (deep, '/'.join('z' * 10))):
            self.ok(self.ann, f'CREATE {name}')
            top = name[0]
            self.no(self.ann, f'RENAME {top} {to}', b'CANNOT')
            # Nothing of it was done.
            self.ok(self.ann, f'SELECT {top}')
            self.ok(self.ann, f'SELECT {name}')
            self.ok(self.ann, 'UNSELECT')
            self.no(self.ann, f'SELECT {to}', b'NONEXISTENT')
            self.ok(self.ann, f'RENAME {top} {top}{top}')
            self.ok(self.ann, f'DELETE {top}{name}')

    def test_the_longest_names_can_be_used(self):
        self.ok(self.ann, 'CREATE p/' + 'x' * 500)
        to = 'y' * 499
        self.ok(self.ann, f'RENAME p {to}')
        self.ok(self.ann, f'SELECT {to}/' + 'x' * 500)


if __name__ == '__main__':
    unittest.main()
