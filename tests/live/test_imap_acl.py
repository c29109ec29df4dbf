"""ACL and folders of other users (RFC 4314, RFC 2342, RFC 8440)."""
import re
import subprocess
import unittest

import bson

from harness import LiveTest, binary
from preauth import PreauthTest
from limits import LIMITS

RIGHTS = 'lrswipkxtea'
ANN, BOB, CAT = ('ann@example.org', 'bob@example.org', 'cat@example.org')
OTHERS = f'Other Users/{ANN}'
MESSAGE = '{17+}\r\nSubject: x\r\n\r\nx\r\n'

# Command, the rights that it needs: all of them; None: '|' any of them.
# {b} is the folder.
AUTHENTICATED = [
    ('SELECT "{b}"', 'r'),
    ('EXAMINE "{b}"', 'r'),
    ('STATUS "{b}" (MESSAGES)', 'r'),
    ('GETQUOTAROOT "{b}"', 'r'),
    ('MYRIGHTS "{b}"', '|lrikxa'),
    ('GETACL "{b}"', 'a'),
    ('LISTRIGHTS "{b}" cat@example.org', 'a'),
    ('SETACL "{b}" cat@example.org l', 'a'),
    ('DELETEACL "{b}" cat@example.org', 'a'),
    ('APPEND "{b}" ' + MESSAGE, 'i'),
    ('CREATE "{b}/sub"', 'k'),
    ('RENAME "{b}" "{b}2"', 'never'),    # nothing above it is ours
    ('RENAME INBOX "{b}"', 'never'),
    ('RENAME "{b}" Mine', 'never'),      # of another owner
    ('GETMETADATA "{b}" /private/x', 'l|rswip'),
    ('SETMETADATA "{b}" (/private/x "1")', 'l|rswip'),
    ('SETMETADATA "{b}" (/shared/x "1")', 'lw'),
    ('SUBSCRIBE "{b}"', ''),
    ('UNSUBSCRIBE "{b}"', ''),
    ('DELETE "{b}"', 'x'),
]
SELECTED = [
    ('FETCH 1 BODY[]', ''),
    ('FETCH 1 FLAGS', ''),
    ('SEARCH ALL', ''),
    ('SORT (SUBJECT) UTF-8 ALL', ''),
    ('THREAD REFERENCES UTF-8 ALL', ''),
    ('CHECK', ''),
    ('NOOP', ''),
    ('COPY 1 INBOX', ''),
    (r'STORE 1 +FLAGS (\Seen)', 's'),
    (r'STORE 1 -FLAGS.SILENT (\Seen)', 's'),
    (r'STORE 1 +FLAGS (\Flagged)', 'w'),
    (r'STORE 1 +FLAGS ($key)', 'w'),
    (r'STORE 1 +FLAGS (\Deleted)', 't'),
    (r'STORE 1 +FLAGS (\Deleted \Seen \Draft)', '|swt'),
    (r'STORE 1 FLAGS (\Answered)', '|swt'),
    ('UID COPY 1 "{b}"', 'i'),
    ('EXPUNGE', 'e'),
    ('UID EXPUNGE 1', 'e'),
    ('REPLACE 1 INBOX ' + MESSAGE, 'te'),
    ('MOVE 1 INBOX', 'te'),
    ('CLOSE', ''),
]


def is_allowed(need, rights):
    if need == 'never':
        return False
    every, _, some = need.partition('|')
    return all(r in rights for r in every) and (
        not some or any(r in rights for r in some))


class Acl(PreauthTest):
    settings = {'imap__acl__anyone': True}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        for who in (ANN, BOB, CAT):
            cls.system.m3mta('mailbox', 'add', who, '--no-password')
        cls.number = 0

    def setUp(self):
        self.ann, self.bob = self.start(ANN), self.start(BOB)

    def tearDown(self):
        self.system.verify()
        d, owner = self.start(ANN), self.owner(ANN)
        for folder in self.system.db.folders.find(
                {'owner': owner, 'name': {'$regex': '^Box'},
                 'noselect': False}, ['name']):
            self.ok(d, f'DELETE {folder["name"]}')
        self.assertEqual(self.shares(owner=owner), 0)

    def bad(self, d, command):
        self.assertIn(b'a BAD', d.imap('a', command), command)

    def box(self, rights='', messages=1, who=BOB):
        """A new folder of Ann's and its name for others."""
        Acl.number += 1
        name = f'Box{Acl.number}'
        self.ok(self.ann, f'CREATE {name}')
        for _ in range(messages):
            self.ok(self.ann, f'APPEND {name} {MESSAGE}')
        if rights:
            self.ok(self.ann, f'SETACL {name} {who} {rights}')
        return name, f'{OTHERS}/{name}'

    def shares(self, **query):
        return self.system.db.shares.count_documents(query)

    def size(self, address):
        return self.system.db.mailboxes.find_one(
            {'_id': address})['size']['current']

    # --- the matrix -----------------------------------------------------------

    def check(self, command, rights, need, shared):
        text = self.bob.imap('a', command.replace('{b}', shared))
        answer = [line for line in text.splitlines()
                  if line.startswith(b'a ')][0]
        what = (command, rights, text)
        if is_allowed(need, rights):
            self.assertTrue(answer.startswith(b'a OK'), what)
        elif command.endswith('Mine') and 'x' in rights:
            self.assertTrue(answer.startswith(b'a NO [CANNOT]'), what)
        elif 'l' in rights or command.startswith('RENAME INBOX') or (
                command.startswith('RENAME') and 'x' in rights):
            self.assertTrue(answer.startswith(b'a NO [NOPERM]'), what)
        else:
            code = (b'TRYCREATE' if command.startswith('APPEND') else
                    b'NOPERM' if command.startswith('CREATE') else
                    b'NONEXISTENT')
            self.assertTrue(answer.startswith(b'a NO [' + code), what)

    def test_each_right(self):
        """Each right by itself, with and without l, in each command."""
        for right in RIGHTS:
            for rights in {right, 'l' + right}:
                name, shared = self.box(rights)
                listed = self.ok(self.bob, f'LIST "" "{shared}"')
                self.assertEqual(shared.encode() in listed, 'l' in rights)
                for command, need in AUTHENTICATED:
                    with self.subTest(command=command, rights=rights):
                        self.check(command, rights, need, shared)
                self.bob.imap('a', 'UNSELECT')
                self.ann.imap('a', f'DELETE {name}')

    def test_each_right_selected(self):
        for right in RIGHTS:
            rights = 'lr' + right
            name, shared = self.box(rights, messages=2)
            self.ok(self.bob, f'SELECT "{shared}"')
            for command, need in SELECTED:
                with self.subTest(command=command, rights=rights):
                    self.check(command, rights, need, shared)
            if 'e' not in rights:
                self.assertEqual(self.exists(name), 2 + ('i' in rights))
            self.ok(self.ann, f'DELETE {name}')

    def exists(self, name):
        return int(re.search(rb'MESSAGES (\d+)', self.ok(
            self.ann, f'STATUS {name} (MESSAGES)'))[1])

    def test_two_rights(self):
        """What takes more than one."""
        name, shared = self.box('te' + 'r')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.ok(self.bob, 'MOVE 1 INBOX')
        self.ok(self.bob, f'APPEND INBOX {MESSAGE}')
        self.ok(self.bob, 'SELECT INBOX')
        self.no(self.bob, f'COPY 1 "{shared}"', b'TRYCREATE')
        self.ok(self.ann, f'SETACL {name} {BOB} +li')
        self.ok(self.bob, f'MOVE 1 "{shared}"')
        self.ok(self.ann, f'SETACL {name} {BOB} lkx')
        self.ok(self.bob, f'CREATE "{shared}/a/b"')
        self.ok(self.bob, f'RENAME "{shared}/a/b" "{shared}/c"')
        self.no(self.bob, f'RENAME "{shared}/c" "{OTHERS}/Top"', b'NOPERM')
        self.no(self.bob, f'CREATE "{OTHERS}/Top"', b'NOPERM')
        self.ok(self.ann, f'SETACL {name} {BOB} -k')
        self.no(self.bob, f'RENAME "{shared}/c" "{shared}/d"', b'NOPERM')
        self.ok(self.bob, f'DELETE "{shared}/c"')

    # --- the five commands ----------------------------------------------------

    def test_lists(self):
        name, shared = self.box()
        capabilities = self.ok(self.ann, 'CAPABILITY').split()
        for word in (b'ACL', b'RIGHTS=texk', b'LIST-MYRIGHTS'):
            self.assertIn(word, capabilities)

        def acl():
            answer = self.ok(self.ann, f'GETACL {name}')
            owner = (f'* ACL "{name}" "{ANN}" lrswipkxteacd').encode()
            self.assertTrue(answer.startswith(owner), answer)
            return answer.splitlines()[0][len(owner):].decode()

        self.assertEqual(acl(), '')
        for change, now in (
                ('lrs', 'lrs'), ('+d', 'lrsted'), ('-t', 'lrsed'),
                ('-d', 'lrs'), ('+c', 'lrskxc'), ('-x', 'lrskc'),
                ('lrswipkxteacd', 'lrswipkxteacd'), ('""', ''),
                ('-a', ''), ('+r', 'r')):
            self.ok(self.ann, f'SETACL {name} {BOB.upper()} {change}')
            self.assertEqual(
                acl(), f' "{BOB}" {now}' if now else '', change)
        self.ok(self.ann, f'SETACL {name} AnyOne l')
        self.ok(self.ann, f'SETACL {name} -{CAT} lr')
        self.assertEqual(
            acl(), f' "{BOB}" r "anyone" l "-{CAT}" lr')
        self.assertEqual(self.shares(owner=self.owner(ANN)), 3)
        self.ok(self.ann, f'DELETEACL {name} {BOB}')
        self.ok(self.ann, f'DELETEACL {name} {BOB}')
        self.assertEqual(acl(), f' "anyone" l "-{CAT}" lr')
        self.assertEqual(self.shares(identifier=BOB), 0)
        self.ok(self.ann, f'DELETE {name}')
        self.assertEqual(self.shares(owner=self.owner(ANN)), 0)

    def owner(self, address):
        return self.system.db.mailboxes.find_one({'_id': address})['owner']

    def test_bad_arguments(self):
        name, shared = self.box('l')
        for command in (f'SETACL {name} {BOB} lrQ', f'SETACL {name} {BOB} q',
                        f'SETACL {name} {BOB} 0', f'SETACL {name} {BOB} +-l',
                        f'SETACL {name} "" l', f'SETACL {name} - l',
                        f'SETACL {name} {BOB}', f'SETACL {name} ({BOB}) l',
                        f'SETACL ({name}) {BOB} l', 'GETACL', 'MYRIGHTS',
                        f'LISTRIGHTS {name}', f'DELETEACL {name} ""'):
            self.bad(self.ann, command)
        for who in ('nobody@example.org', '-nobody@example.org', 'bob',
                    '$team', 'anonymous', ANN, '-' + ANN):
            self.no(self.ann, f'SETACL {name} {who} l', b'CANNOT')
        self.no(self.ann, f'DELETEACL {name} {ANN}', b'CANNOT')
        for command in ('GETACL None', 'MYRIGHTS None',
                        f'LISTRIGHTS None {BOB}', f'SETACL None {BOB} l',
                        f'MYRIGHTS "{OTHERS}"', 'MYRIGHTS "Other Users"',
                        'MYRIGHTS "Other Users/no@example.org/x"',
                        f'SELECT "{OTHERS}/None"'):
            self.no(self.ann, command, b'NONEXISTENT')
        for command in ('CREATE "Other Users"', 'CREATE "Other Users/x"',
                        'CREATE "Other Users/no@example.org/x"',
                        f'RENAME INBOX "Other Users/{BOB}"'):
            self.no(self.ann, command, b'NOPERM')

    def test_listrights_and_myrights(self):
        name, shared = self.box('lra')
        for who in (BOB, 'anyone', '-' + CAT, BOB.upper()):
            for d, box in ((self.ann, name), (self.bob, shared)):
                self.assertEqual(
                    self.ok(d, f'LISTRIGHTS "{box}" "{who}"'),
                    f'* LISTRIGHTS "{box}" "{who}" "" l r s w i p k x t e a '
                    'c d\r\na OK Done\r\n'.encode())
        self.assertEqual(
            self.ok(self.bob, f'LISTRIGHTS "{shared}" {ANN}'),
            f'* LISTRIGHTS "{shared}" "{ANN}" lrswipkxteacd\r\n'
            'a OK Done\r\n'.encode())
        self.assertEqual(
            self.ok(self.bob, f'MYRIGHTS "{shared}"'),
            f'* MYRIGHTS "{shared}" lra\r\na OK Done\r\n'.encode())
        self.assertEqual(
            self.ok(self.ann, f'MYRIGHTS "{shared}"'),
            f'* MYRIGHTS "{name}" lrswipkxteacd\r\na OK Done\r\n'.encode())
        # Who holds "a" may hand out what he has not.
        self.ok(self.bob, f'SETACL "{shared}" {BOB} +x')
        self.ok(self.bob, f'DELETE "{shared}"')

    def test_negative_and_anyone(self):
        name, shared = self.box('w')
        cat = self.start(CAT)
        self.ok(self.ann, f'SETACL {name} anyone lrs')
        for d, rights in ((self.bob, b'lrsw'), (cat, b'lrs')):
            self.assertIn(b'" ' + rights + b'\r\n',
                          self.ok(d, f'MYRIGHTS "{shared}"'))
        self.ok(self.ann, f'SETACL {name} -{BOB} sw')
        self.assertIn(b'" lr\r\n', self.ok(self.bob, f'MYRIGHTS "{shared}"'))
        self.ok(self.ann, f'SETACL {name} -anyone l')
        self.assertIn(b'" rs\r\n', self.ok(cat, f'MYRIGHTS "{shared}"'))
        self.assertNotIn(name.encode(), self.ok(cat, 'LIST "" *'))
        self.ok(self.ann, f'SETACL {name} -{CAT} rs')
        self.no(cat, f'MYRIGHTS "{shared}"', b'NONEXISTENT')
        self.ok(self.ann, f'DELETE {name}')

    # --- names ----------------------------------------------------------------

    def test_list(self):
        self.assertEqual(
            self.ok(self.bob, 'NAMESPACE'),
            b'* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL\r\n'
            b'a OK Done\r\n')
        name, shared = self.box()
        self.ok(self.ann, f'CREATE {name}/a/b')
        self.assertNotIn(b'Other Users', self.ok(self.bob, 'LIST "" *'))
        self.ok(self.ann, f'SETACL {name}/a/b {BOB} lr')
        self.ok(self.ann, f'SETACL Sent {BOB} l')
        answer = self.ok(self.bob, 'LIST "" "Other Users/*"')
        # Levels above are there as names; no use of another user's is ours.
        self.assertIn(f'(\\Noselect \\HasChildren) "/" "{shared}/a"\r\n'
                      f'* LIST (\\HasNoChildren) "/" "{shared}/a/b"\r\n'
                      .encode(), answer)
        self.assertIn(f'* LIST (\\Noselect \\HasNoChildren) "/" '
                      f'"{OTHERS}/Sent"\r\n'.encode(), answer)
        self.assertEqual(
            self.ok(self.bob, 'LIST "" "Other Users/%"'),
            f'* LIST (\\Noselect \\HasChildren) "/" "{OTHERS}"\r\n'
            'a OK Done\r\n'.encode())
        self.assertIn(b'(\\Noselect \\HasChildren) "/" "Other Users"\r\n',
                      self.ok(self.bob, 'LIST "" %'))
        answer = self.ok(self.bob, 'LIST "" "Other Users/*" RETURN '
                                   '(MYRIGHTS STATUS (MESSAGES))')
        self.assertIn(f'* MYRIGHTS "{shared}/a/b" lr\r\n'
                      f'* STATUS "{shared}/a/b" (MESSAGES 0)\r\n'.encode(),
                      answer)
        self.assertIn(f'* MYRIGHTS "{OTHERS}/Sent" l\r\n'.encode(), answer)
        self.assertEqual(answer.count(b'* STATUS'), 1)
        self.assertEqual(answer.count(b'* MYRIGHTS'), 2)
        self.assertIn(b'* MYRIGHTS "INBOX" lrswipkxteacd\r\n', self.ok(
            self.bob, 'LIST "" INBOX RETURN (MYRIGHTS)'))
        for pattern in ('O*', 'Other%', 'Other Users', 'Other Users/%/S*',
                        f'{OTHERS}/S%', '*Sent', '("INBOX" "Oth*")'):
            quoted = pattern if pattern[0] == '(' else f'"{pattern}"'
            self.assertIn(b'"Other Users', self.ok(
                self.bob, f'LIST "" {quoted}'), pattern)
        self.assertIn(b'/Sent"\r\n', self.ok(
            self.bob, 'LIST "Other Users/" "*Sent"'))
        for pattern in ('other*', 'P*', 'Other Users2/*', 'Otter*'):
            self.assertNotIn(b'Other Users', self.ok(
                self.bob, f'LIST "" "{pattern}"'), pattern)
        # Ann's own list has nothing of it.
        self.assertNotIn(b'Other Users', self.ok(self.ann, 'LIST "" *'))
        self.ok(self.ann, f'SETACL Sent {BOB} ""')
        self.ok(self.ann, f'DELETE {name}/a/b')

    def test_subscriptions(self):
        name, shared = self.box('lr')
        upper = shared.replace(ANN, ANN.upper())
        self.ok(self.bob, f'SUBSCRIBE "{upper}"')
        self.assertIn(f'* LSUB (\\HasNoChildren) "/" "{shared}"\r\n'
                      .replace('\\HasNoChildren', '\\Subscribed').encode(),
                      self.ok(self.bob, 'LSUB "" "Other Users/*"'))
        answer = self.ok(self.bob, 'LIST (SUBSCRIBED) "" "Other Users/*"')
        self.assertIn(f'(\\Subscribed \\HasNoChildren) "/" "{shared}"\r\n'
                      .encode(), answer)
        # Ann's subscription is hers.
        self.ok(self.bob, f'UNSUBSCRIBE "{shared}"')
        self.ok(self.ann, f'SUBSCRIBE {name}')
        self.assertNotIn(shared.encode(), self.ok(
            self.bob, 'LIST (SUBSCRIBED) "" "Other Users/*"'))
        # It outlives the right.
        self.ok(self.bob, f'SUBSCRIBE "{shared}"')
        self.ok(self.ann, f'DELETEACL {name} {BOB}')
        self.assertIn(shared.encode(),
                      self.ok(self.bob, 'LSUB "" "Other Users/*"'))
        self.no(self.bob, f'STATUS "{shared}" (MESSAGES)', b'NONEXISTENT')
        self.ok(self.bob, f'UNSUBSCRIBE "{shared}"')
        self.assertNotIn(shared.encode(),
                         self.ok(self.bob, 'LSUB "" "Other Users/*"'))

    def test_rev2_and_utf8_names(self):
        self.ok(self.ann, 'CREATE "Entw&APw-rfe"')
        self.ok(self.ann, f'SETACL "Entw&APw-rfe" {BOB} lr')
        shared = f'{OTHERS}/Entw&APw-rfe'
        self.assertIn(f'"/" "{shared}"\r\n'.encode(),
                      self.ok(self.bob, 'LIST "" "Other Users/*"'))
        self.ok(self.bob, 'ENABLE IMAP4rev2')
        answer = self.ok(self.bob, f'SELECT "{OTHERS}/Entw\u00fcrfe"')
        self.assertIn(f'* LIST () "/" "{OTHERS}/Entw\u00fcrfe"\r\n'.encode(),
                      answer)
        self.ok(self.ann, 'DELETE "Entw&APw-rfe"')

    # --- inheritance, rename, removal -----------------------------------------

    def test_create_inherits(self):
        name, shared = self.box('lrk')
        self.ok(self.ann, f'CREATE {name}/x/y')
        self.ok(self.bob, f'CREATE "{shared}/z"')
        for child in ('x', 'x/y', 'z'):
            self.assertIn(b'" lrkc\r\n',
                          self.ok(self.bob, f'MYRIGHTS "{shared}/{child}"'))
        self.assertEqual(self.shares(identifier=BOB), 4)
        self.no(self.bob, f'CREATE "{shared}/s" (USE (\\Sent))', b'USEATTR')
        self.ok(self.ann, f'RENAME {name} {name}new')
        self.no(self.bob, f'MYRIGHTS "{shared}/x"', b'NONEXISTENT')
        self.assertIn(b'" lrkc\r\n',
                      self.ok(self.bob, f'MYRIGHTS "{shared}new/x/y"'))
        for child in ('', '/x', '/x/y', '/z'):
            self.ok(self.ann, f'DELETE {name}new{child}')
        self.assertEqual(self.shares(identifier=BOB), 0)

    def test_rename_inbox(self):
        """The list stays with INBOX, the messages go."""
        name, shared = self.box('lr', who=CAT)
        self.ok(self.ann, f'SETACL INBOX {BOB} lrk')
        self.ok(self.ann, f'RENAME INBOX {name}/old')
        self.assertIn(b'lrk', self.ok(self.bob, f'MYRIGHTS "{OTHERS}/inbox"'))
        self.no(self.bob, f'MYRIGHTS "{shared}/old"', b'NONEXISTENT')
        self.assertIn(b'" lr\r\n', self.ok(
            self.start(CAT), f'MYRIGHTS "{shared}/old"'))
        self.system.verify()
        self.ok(self.bob, f'CREATE "{OTHERS}/INBOX/sub"')
        self.ok(self.ann, 'DELETE INBOX/sub')
        self.ok(self.ann, f'DELETEACL INBOX {BOB}')

    def test_mailbox_removed(self):
        """Nobody gets what the last owner of an address had."""
        dan = 'dan@example.org'
        name, shared = self.box()
        other, _ = self.box()
        self.system.m3mta('mailbox', 'add', dan, '--no-password')
        self.ok(self.ann, f'SETACL {name} {dan} lr')
        self.ok(self.ann, f'SETACL {other} -{dan} lr')
        self.ok(self.ann, f'SETACL {other} {BOB} lr')
        d = self.start(dan)
        self.ok(d, f'SETACL INBOX {BOB} lr')
        self.assertIn(f'Other Users/{dan}/INBOX'.encode(),
                      self.ok(self.bob, 'LIST "" *'))
        self.system.m3mta('mailbox', 'remove', dan, '--yes')
        self.system.verify()
        self.assertNotIn(dan.encode(), self.ok(self.bob, 'LIST "" *'))
        self.assertNotIn(dan.encode(), self.ok(self.ann, f'GETACL {name}'))
        self.assertNotIn(dan.encode(), self.ok(self.ann, f'GETACL {other}'))
        self.assertEqual(self.shares(identifier={'$regex': dan}), 0)
        self.system.m3mta('mailbox', 'add', dan, '--no-password')
        self.no(self.start(dan), f'SELECT "{shared}"', b'NONEXISTENT')
        self.system.m3mta('mailbox', 'remove', dan, '--yes')

    def test_removed_while_it_is_named(self):
        """A list never names a mailbox that is not there."""
        name, _ = self.box()
        for i in range(6):
            eve = f'eve{i}@example.org'
            self.system.m3mta('mailbox', 'add', eve, '--no-password')
            removal = subprocess.Popen(
                [binary('m3mta'), '-c', self.system.config, 'mailbox',
                 'remove', eve, '--yes'], stdout=subprocess.DEVNULL)
            try:
                answers = set()
                for _ in range(40):
                    if removal.poll() is not None:
                        break
                    self.ann.imap('a', f'DELETEACL {name} {eve}')
                    answers.add(self.ann.imap(
                        'a', f'SETACL {name} {eve} lr')[:4])
            finally:
                removal.wait(60)
            self.assertEqual(removal.returncode, 0)
            self.assertLessEqual(answers, {b'a OK', b'a NO'})
            self.assertNotIn(eve.encode(),
                             self.ok(self.ann, f'GETACL {name}'))
            self.system.verify()

    # --- flags ----------------------------------------------------------------

    def test_select_says_what_may_be_changed(self):
        for rights, flags, mode in (
                ('r', '', 'ONLY'), ('lrp', '', 'ONLY'), ('rkxa', '', 'ONLY'),
                ('rs', r'\Seen', 'WRITE'), ('rt', r'\Deleted', 'WRITE'),
                ('rw', r'\Answered \Flagged \Draft $k \*', 'WRITE'),
                ('rswt', r'\Answered \Flagged \Deleted \Seen \Draft $k \*',
                 'WRITE'), ('ri', '', 'WRITE'), ('re', '', 'WRITE')):
            name, shared = self.box(rights)
            self.ok(self.ann, f'APPEND {name} ($k) {MESSAGE}')
            answer = self.ok(self.bob, f'SELECT "{shared}"')
            self.assertIn(f'[PERMANENTFLAGS ({flags})]'.encode(), answer,
                          rights)
            self.assertIn(f'a OK [READ-{mode}]'.encode(), answer, rights)
            self.assertIn(b'* FLAGS (\\Answered \\Flagged \\Deleted \\Seen '
                          b'\\Draft $k)', answer)
            answer = self.ok(self.bob, f'EXAMINE "{shared}"')
            self.assertIn(b'[PERMANENTFLAGS ()]', answer)
            self.assertIn(b'a OK [READ-ONLY]', answer)
            self.no(self.bob, r'STORE 1 +FLAGS (\Seen)', b'READ-ONLY')
            # Only who may change it takes \Recent.
            recent = b'1 RECENT' if mode == 'WRITE' else b'2 RECENT'
            self.ok(self.ann, f'APPEND {name} {MESSAGE}')
            self.assertEqual(b'3 RECENT' in self.ok(
                self.ann, f'SELECT {name}'), recent == b'2 RECENT')
            self.ok(self.ann, 'CLOSE')
            self.ok(self.ann, f'DELETE {name}')

    def test_fetch_sets_seen_only_with_s(self):
        name, shared = self.box('lrw')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.assertNotIn(b'FLAGS', self.ok(self.bob, 'FETCH 1 BODY[]'))
        self.assertIn(b'UNSEEN 1', self.ok(
            self.ann, f'STATUS {name} (UNSEEN)'))
        self.ok(self.ann, f'SETACL {name} {BOB} +s')
        answer = self.ok(self.bob, 'FETCH 1 BODY[]')
        self.assertIn(b'\\Seen', answer)
        self.assertIn(b'UNSEEN 0', self.ok(
            self.ann, f'STATUS {name} (UNSEEN)'))

    def test_store_keeps_what_it_may_not_change(self):
        name, shared = self.box()
        self.ok(self.ann, f'APPEND {name} (\\Answered $k) {MESSAGE}')
        self.ok(self.ann, f'SETACL {name} {BOB} lrs')
        self.ok(self.bob, f'SELECT "{shared}"')

        def flags(d, command):
            answer = self.ok(d, command)
            return set(re.search(rb'2 FETCH \(FLAGS \(([^)]*)\)',
                                 answer)[1].split()) - {b'\\Recent'}

        self.assertEqual(flags(self.bob, r'STORE 2 FLAGS (\Seen \Draft $z)'),
                         {b'\\Seen', b'\\Answered', b'$k'})
        self.assertEqual(
            flags(self.bob, r'STORE 2 -FLAGS (\Answered \Seen $k)'),
            {b'\\Answered', b'$k'})
        # A silent one too must not let the client believe it.
        self.assertEqual(
            flags(self.bob, r'STORE 2 +FLAGS.SILENT (\Seen \Deleted)'),
            {b'\\Seen', b'\\Answered', b'$k'})
        self.assertNotIn(b'FETCH', self.ok(
            self.bob, r'STORE 2 -FLAGS.SILENT (\Seen)'))
        self.no(self.bob, r'STORE 2 +FLAGS (\Deleted $k)', b'NOPERM')
        self.ok(self.ann, f'SETACL {name} {BOB} lrw')
        self.assertEqual(flags(self.bob, 'STORE 2 FLAGS ($n)'), {b'$n'})
        self.ok(self.ann, f'SELECT {name}')
        self.assertEqual(flags(self.ann, 'FETCH 2 FLAGS'), {b'$n'})

    def test_copies_get_the_flags_that_are_allowed(self):
        self.ok(self.bob, 'CREATE Source')
        self.ok(self.bob, f'APPEND Source (\\Seen \\Deleted \\Draft $k) '
                          f'{MESSAGE}')
        self.ok(self.bob, 'SELECT Source')
        for rights, want in (
                ('li', set()), ('lis', {b'\\Seen'}),
                ('lit', {b'\\Deleted'}), ('liw', {b'\\Draft', b'$k'}),
                ('liswt', {b'\\Seen', b'\\Deleted', b'\\Draft', b'$k'})):
            name, shared = self.box(rights, messages=0)
            self.ok(self.bob, f'COPY 1 "{shared}"')
            self.ok(self.bob, f'APPEND "{shared}" '
                              f'(\\Seen \\Deleted \\Draft $k) {MESSAGE}')
            self.ok(self.ann, f'EXAMINE {name}')
            for found in re.findall(rb'FLAGS \(([^)]*)\)', self.ok(
                    self.ann, 'FETCH 1:2 FLAGS')):
                self.assertEqual(set(found.split()) - {b'\\Recent'}, want)
            self.ok(self.ann, 'UNSELECT')
            self.ok(self.ann, f'DELETE {name}')
        self.ok(self.bob, 'DELETE Source')

    def test_close_without_e(self):
        name, shared = self.box('lrt')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.ok(self.bob, r'STORE 1 +FLAGS (\Deleted)')
        self.ok(self.bob, 'CLOSE')
        self.assertEqual(self.exists(name), 1)
        self.ok(self.ann, f'SETACL {name} {BOB} lre')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.ok(self.bob, 'CLOSE')
        self.assertEqual(self.exists(name), 0)

    # --- octets ---------------------------------------------------------------

    def test_quota_is_the_owners(self):
        name, shared = self.box('lrite', messages=0)
        ann, bob = self.size(ANN), self.size(BOB)
        self.ok(self.bob, f'APPEND "{shared}" {MESSAGE}')
        self.assertEqual((self.size(ANN), self.size(BOB)), (ann + 17, bob))
        self.ok(self.bob, f'SELECT "{shared}"')
        self.ok(self.bob, 'COPY 1 INBOX')
        self.assertEqual((self.size(ANN), self.size(BOB)),
                         (ann + 17, bob + 17))
        answer = self.ok(self.bob, 'MOVE 1 INBOX')
        self.assertIn(b'* 1 EXPUNGE', answer)
        self.assertEqual((self.size(ANN), self.size(BOB)), (ann, bob + 34))
        root = f'"{OTHERS}"'.encode()
        self.assertEqual(
            self.ok(self.bob, f'GETQUOTAROOT "{shared}"'),
            b'* QUOTAROOT "%s" %s\r\n* QUOTA %s ()\r\na OK Done\r\n' %
            (shared.encode(), root, root))
        self.assertIn(b'* QUOTA %s ()' % root,
                      self.ok(self.bob, f'GETQUOTA "{OTHERS}"'))
        self.system.m3mta('mailbox', 'set', ANN, f'--quota={ann + 20}')
        try:
            self.ok(self.bob, f'APPEND "{shared}" {MESSAGE}')
            self.no(self.bob, f'APPEND "{shared}" {MESSAGE}', b'OVERQUOTA')
            self.ok(self.bob, 'SELECT INBOX')
            self.no(self.bob, f'COPY 1 "{shared}"', b'OVERQUOTA')
            self.no(self.bob, f'MOVE 1 "{shared}"', b'OVERQUOTA')
            self.assertIn(b'STORAGE', self.ok(
                self.bob, f'GETQUOTA "{OTHERS}"'))
        finally:
            self.system.m3mta('mailbox', 'set', ANN, '--quota=0')
        self.ok(self.ann, f'DELETE {name}')
        self.no(self.bob, f'GETQUOTA "{OTHERS}"', b'NONEXISTENT')

    def test_metadata(self):
        """What is private is the asker's, and goes with the folder."""
        name, shared = self.box('lrw')
        cat = self.start(CAT)
        self.ok(self.ann, f'SETACL {name} {CAT} lr')
        get = '(/private/x /shared/x)'
        self.ok(self.ann, f'SETMETADATA {name} (/private/x "ann" '
                          '/shared/x "all")')
        self.ok(self.bob, f'SETMETADATA "{shared}" (/private/x "bob")')
        self.ok(cat, f'SETMETADATA "{shared}" (/private/x "cat")')
        for d, box, mine in ((self.ann, name, 'ann'),
                             (self.bob, shared, 'bob'),
                             (cat, shared, 'cat')):
            self.assertEqual(
                self.ok(d, f'GETMETADATA "{box}" {get}'),
                f'* METADATA "{box}" (/private/x "{mine}" /shared/x "all")'
                '\r\na OK Done\r\n'.encode())
        self.ok(self.bob, f'SETMETADATA "{shared}" (/shared/x "new" '
                          '/private/x NIL)')
        answer = self.ok(self.bob, f'GETMETADATA (DEPTH infinity) "{shared}" '
                                   '(/private /shared)')
        self.assertIn(b'(/shared/x "new")', answer)
        self.no(cat, f'SETMETADATA "{shared}" (/shared/x "1")', b'NOPERM')
        self.no(self.bob, f'SETMETADATA "{shared}" (/private/specialuse '
                          '"\\\\Sent")', b'USEATTR')
        folder = self.system.db.folders.find_one({'name': name})['_id']
        self.ok(self.ann, f'DELETE {name}')
        self.assertEqual(self.system.db.annotations.count_documents(
            {'folder': folder}), 0)

    def test_notify(self):
        """What another user keeps in private is not told to the owner."""
        name, shared = self.box('lrwsi')
        watch = self.start(ANN)
        self.ok(watch, 'NOTIFY SET (personal (MailboxMetadataChange '
                       'MessageNew MessageExpunge))')
        self.ok(self.bob, f'SETMETADATA "{shared}" (/private/x "bob")')
        self.ok(self.bob, f'SETMETADATA "{shared}" (/shared/x "all")')
        self.assertEqual(watch.line(),
                         f'* METADATA "{name}" /shared/x\r\n'.encode())
        self.ok(self.bob, f'APPEND "{shared}" {MESSAGE}')
        self.assertIn(f'* STATUS "{name}" (MESSAGES 2'.encode(),
                      watch.line())

    def test_notify_subscription(self):
        """One to another user's folder is not among the personal ones."""
        name, shared = self.box('lr')
        watch = self.start(BOB)
        self.ok(watch, 'NOTIFY SET (personal (SubscriptionChange))')
        self.ok(self.bob, f'SUBSCRIBE "{shared}"')
        self.ok(self.bob, 'UNSUBSCRIBE INBOX')
        self.assertIn(b' "INBOX"\r\n', watch.line())
        self.ok(self.bob, 'SUBSCRIBE INBOX')
        self.assertIn(b' "INBOX"\r\n', watch.line())
        self.ok(self.bob, f'UNSUBSCRIBE "{shared}"')

    def test_catenate(self):
        name, shared = self.box('lr')
        url = f'/{shared.replace(" ", "%20")}/;UID=1'
        self.ok(self.bob, f'APPEND INBOX CATENATE (URL "{url}")')
        self.ok(self.ann, f'SETACL {name} {BOB} lswipkxtea')
        self.no(self.bob, f'APPEND INBOX CATENATE (URL "{url}")', b'BADURL')
        self.ok(self.ann, f'SETACL {name} {BOB} ri')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.ok(self.bob, f'APPEND "{shared}" CATENATE (URL "{url}" '
                          'TEXT {1+}\r\nx)')
        self.assertEqual(self.exists(name), 2)

    def test_many_at_once(self):
        """Each change of a list is there, whoever else changes it."""
        name, shared = self.box('a')
        sessions = [self.start(ANN) for _ in range(4)]
        sessions += [self.start(BOB) for _ in range(2)]
        for i, d in enumerate(sessions):
            d.send(f'a SETACL "{shared}" '
                   f'{(CAT, "anyone", "-" + CAT)[i % 3]} +{RIGHTS[i]}\r\n')
        for d in sessions:
            self.assertIn(b'a OK', d.until('a'))
        answer = self.ok(self.ann, f'GETACL {name}').decode()
        for who, letters in ((CAT, 'lw'), ('anyone', 'ri'),
                             ('-' + CAT, 'sp')):
            self.assertIn(f' "{who}" {letters}', answer)

    # --- two sessions at once -------------------------------------------------

    def test_changed_while_selected(self):
        name, shared = self.box('lr')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.no(self.bob, r'STORE 1 +FLAGS (\Seen)', b'NOPERM')
        self.ok(self.ann, f'SETACL {name} {BOB} +s')
        answer = self.ok(self.bob, r'STORE 1 +FLAGS (\Seen)')
        self.assertIn(b'[PERMANENTFLAGS (\\Seen)]', answer)
        self.assertIn(b'* OK [READ-WRITE]', answer)
        self.ok(self.ann, f'SETACL {name} {BOB} -s')
        answer = self.ok(self.bob, 'NOOP')
        self.assertIn(b'[PERMANENTFLAGS ()]', answer)
        self.assertIn(b'* OK [READ-ONLY]', answer)
        self.no(self.bob, r'STORE 1 -FLAGS (\Seen)', b'NOPERM')
        self.ok(self.ann, f'SETACL {name} {BOB} -r')
        answer = self.bob.imap('a', 'FETCH 1 BODY[]')
        self.assertIn(b'* BYE', answer)
        self.assertNotIn(b'FETCH', answer)
        self.assertTrue(self.bob.is_closed())

    def test_own_session_of_the_owner(self):
        """One's own folder has two names, and one only is told."""
        name, shared = self.box()
        answer = self.ok(self.ann, f'STATUS "{shared}" (MESSAGES)')
        self.assertIn(f'* STATUS "{name}" (MESSAGES 1)'.encode(), answer)
        self.ok(self.ann, f'SELECT "{shared}"')
        self.ok(self.ann, r'STORE 1 +FLAGS (\Deleted)')
        self.ok(self.ann, 'EXPUNGE')
        self.ok(self.ann, f'CREATE "{shared}/below"')
        self.ok(self.ann, f'DELETE {name}/below')

    def test_idle(self):
        """The doorbell of the owner's folder wakes."""
        name, shared = self.box('lr')
        cat = self.start(CAT)
        self.ok(self.ann, f'SETACL {name} {CAT} lri')
        self.ok(self.bob, f'SELECT "{shared}"')
        self.bob.send('i IDLE\r\n')
        self.assertTrue(self.bob.line().startswith(b'+'))
        self.ok(cat, f'APPEND "{shared}" {MESSAGE}')
        self.assertEqual(self.bob.line(), b'* 2 EXISTS\r\n')
        self.assertIn(b'RECENT', self.bob.line())
        self.ok(self.ann, f'SELECT {name}')
        self.ok(self.ann, r'STORE 1 +FLAGS (\Flagged)')
        self.assertIn(b'\\Flagged', self.bob.line())
        self.ok(self.ann, f'DELETEACL {name} {BOB}')
        self.assertTrue(self.bob.line().startswith(b'* BYE'))
        self.assertTrue(self.bob.is_closed())

    def test_three_sessions_see_the_same(self):
        name, shared = self.box('lrswipkxtea', messages=3)
        cat = self.start(CAT)
        self.ok(self.ann, f'SETACL {name} anyone lrste')
        for d, box in ((self.ann, name), (self.bob, shared), (cat, shared)):
            self.ok(d, f'SELECT "{box}"')
            self.ok(d, 'FETCH 1:* FLAGS')
        self.ok(self.bob, r'STORE 2 +FLAGS (\Deleted $k)')
        for d in (self.ann, cat):
            self.assertIn(b'2 FETCH (FLAGS (\\Deleted', self.ok(d, 'NOOP'))
        self.ok(cat, 'EXPUNGE')
        for d in (self.ann, self.bob):
            self.assertIn(b'* 2 EXPUNGE', self.ok(d, 'NOOP'))
        self.ok(self.bob, f'DELETE "{shared}"')
        self.assertIn(b'* BYE', cat.imap('a', 'FETCH 1 FLAGS'))

    # --- the administrator ----------------------------------------------------

    def test_m3mta(self):
        name, shared = self.box()
        m3mta = self.system.m3mta
        m3mta('acl', 'set', ANN, name, BOB, 'lrd')
        m3mta('acl', 'set', ANN, name, BOB, '-e')
        m3mta('acl', 'set', ANN, name, BOB, '+w')
        m3mta('acl', 'set', ANN, name, '-' + CAT, 'r')
        m3mta('acl', 'set', ANN, 'inbox', CAT, 'l')
        m3mta('acl', 'delete', ANN, 'Inbox', CAT)
        self.assertEqual(
            self.system.m3mta_json('acl', 'list', ANN, name),
            [{'folder': name, 'identifier': BOB, 'rights': 'lrwt'},
             {'folder': name, 'identifier': '-' + CAT, 'rights': 'r'}])
        self.ok(self.bob, f'SELECT "{shared}"')
        self.assertIn(BOB, m3mta('acl', 'list', ANN))
        m3mta('acl', 'delete', ANN, name, BOB)
        m3mta('acl', 'delete', ANN, name, '-' + CAT)
        self.assertEqual(self.system.m3mta_json('acl', 'list', ANN), [])
        for words, code in (((ANN, name, BOB, 'lz'), 64),
                            ((ANN, 'None', BOB, 'l'), 1),
                            ((ANN, name, ANN, 'l'), 1),
                            ((ANN, name, 'no@example.org', 'l'), 1),
                            (('no@example.org', 'INBOX', BOB, 'l'), 1)):
            m3mta('acl', 'set', *words, code=code)


class Limits(LiveTest):
    settings = {'imap__acl__anyone': True}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.m3mta('mailbox', 'add', ANN, '--no-password')
        cls.system.m3mta('mailbox', 'add', BOB, '--no-password')

    def test_entries_of_a_folder(self):
        """100, as many as common/base/limits.h says."""
        s, d = self.system, self.dialog('m3mta-imap', '--preauth', ANN)
        d.line()
        one = s.db.mailboxes.find_one({'_id': BOB})
        names = [f'm{i}@example.org' for i in range(100)]
        s.db.mailboxes.insert_many(
            [{**one, '_id': n, 'kind': 'mailbox'} for n in names])
        for i, who in enumerate(names[:99] + ['anyone', names[99], BOB]):
            answer = d.imap('a', f'SETACL INBOX {who} l')
            self.assertIn(b'a OK' if i < 100 else b'a NO [LIMIT]', answer)
        self.assertIn(b'a OK', d.imap('a', 'SETACL INBOX anyone r'))
        self.assertIn(b'a OK', d.imap('a', 'CREATE INBOX/x'))
        self.assertEqual(s.db.shares.count_documents({}), 200)
        self.assertIn(b'a OK', d.imap('a', 'DELETE INBOX/x'))
        self.assertEqual(s.db.shares.count_documents({}), 100)
        s.db.folders.update_one({'name': 'INBOX'}, {'$unset': {'acl': 1}})
        s.db.shares.delete_many({})
        s.db.mailboxes.delete_many({'_id': {'$in': names}})
        s.verify()

    def test_folders_of_an_identifier(self):
        """10,000, as many as common/base/limits.h says."""
        s, d = self.system, self.dialog('m3mta-imap', '--preauth', ANN)
        d.line()
        owner = bson.Binary(b'x' * 16, 4)
        s.db.shares.insert_many(
            [{'identifier': 'anyone', 'owner': owner,
              'folder': bson.ObjectId()} for _ in range(LIMITS['LIMIT_SHARES'] - 1)])
        self.assertIn(b'a OK', d.imap('a', 'SETACL Sent anyone l'))
        self.assertIn(b'a NO [LIMIT]', d.imap('a', 'SETACL Junk anyone l'))
        self.assertIn(b'a OK', d.imap('a', 'SETACL Sent anyone +r'))
        # What lists have lost is passed over.
        bob = self.dialog('m3mta-imap', '--preauth', BOB)
        bob.line()
        self.assertIn(b'/Sent"', bob.imap('a', 'LIST "" "Other Users/*"'))
        self.assertIn(b'a OK', d.imap('a', 'DELETEACL Sent anyone'))
        s.db.shares.delete_many({})
        s.verify()


class Defaults(LiveTest):
    """Without a word of the administrator."""

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_domain('b.example')
        cls.system.m3mta('mailbox', 'add', 'eve@b.example', '--no-password')

    def test_nobody_is_told_who_is_in_other_domains(self):
        s = self.system
        s.m3mta('mailbox', 'add', 'dan@example.org', '--no-password')
        d = self.dialog('m3mta-imap', '--preauth', 'dan@example.org')
        d.line()
        answers = set()
        for who in ('eve@b.example', 'no@b.example', 'a@nowhere.example',
                    '-eve@b.example', '-no@b.example'):
            for rights in ('lr', '+l'):
                answers.add(d.imap('a', f'SETACL INBOX {who} {rights}'))
            self.assertIn(b'a OK', d.imap('a', f'SETACL INBOX {who} -l'))
            self.assertIn(b'a OK', d.imap('a', f'DELETEACL INBOX {who}'))
        self.assertEqual(len(answers), 1)
        self.assertIn(b'[NOPERM]', answers.pop())
        # In one's own domain the answer helps.
        self.assertIn(b'there is no mailbox',
                      d.imap('a', 'SETACL INBOX no@example.org lr'))
        s.m3mta('acl', 'set', 'dan@example.org', 'INBOX', 'eve@b.example',
                'lr')
        self.assertIn(b'eve@b.example', d.imap('a', 'GETACL INBOX'))
        # The key opens it.
        s.m3mta('config', 'set', 'imap', 'imap.acl.domains', 'all')
        self.addCleanup(s.m3mta, 'config', 'unset', 'imap',
                        'imap.acl.domains')
        d = self.dialog('m3mta-imap', '--preauth', 'dan@example.org')
        d.line()
        self.assertIn(b'a OK', d.imap('a', 'SETACL INBOX eve@b.example l'))

    def test_refused(self):
        s = self.system
        s.m3mta('mailbox', 'add', ANN, '--no-password')
        s.m3mta('mailbox', 'add', BOB, '--no-password')
        d = self.dialog('m3mta-imap', '--preauth', ANN)
        d.line()
        for command in ('SETACL INBOX anyone lr', 'SETACL INBOX anyone +l'):
            self.assertIn(b'a NO [NOPERM]', d.imap('a', command))
        # What takes away may be said, and the administrator may.
        self.assertIn(b'a OK', d.imap('a', 'SETACL INBOX -anyone e'))
        self.assertIn(b'a OK', d.imap('a', f'SETACL INBOX {BOB} lre'))
        s.m3mta('acl', 'set', ANN, 'INBOX', 'anyone', 'w')
        other = self.dialog('m3mta-imap', '--preauth', BOB)
        other.line()
        self.assertIn(b'" lrw\r\n', other.imap(
            'a', f'MYRIGHTS "{OTHERS}/INBOX"'))
        self.assertIn(b'a OK', d.imap('a', 'SETACL INBOX anyone -w'))
        self.assertIn(b'a OK', d.imap('a', 'DELETEACL INBOX anyone'))
        s.verify()


if __name__ == '__main__':
    unittest.main()
