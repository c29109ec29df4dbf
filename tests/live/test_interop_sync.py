"""Maildir -> server -> Maildir by isync, offlineimap and interimap, while
sessions of the server die by SIGKILL at random octets of the dialogue. A
sync that failed is repeated, as cron would; then nothing is lost, nothing is
there twice, and both Maildirs are equal.

One thing no IMAP server can help: offlineimap and interimap send a message
again whose APPEND got no answer, though it may have been done. mbsync looks
for it (X-TUID). So for the other two as many doubles may be there as APPENDs
were cut off, and no more; the test takes them away before it goes on."""
import collections
import imaplib
import os
import random
import re
import subprocess
import time
import unittest

import maildir
from harness import LiveTest
from mortal import MortalServer

FLAGS = {'D': '\\Draft', 'F': '\\Flagged', 'R': '\\Answered',
         'S': '\\Seen', 'T': '\\Deleted'}
# Of the test's own, besides INBOX; the last is "Entwürfe".
FOLDERS = ('INBOX', 'Lists', 'Entw&APw-rfe')
# Octets within which a session dies; a whole sync has twice as many.
REACH = 60000
PATIENCE = 2
MBSYNC = '''IMAPAccount m3
Host 127.0.0.1
Port {port}
User {user}
Pass secret
SSLType None
AuthMechs LOGIN
PipelineDepth {depth}

IMAPStore far
Account m3

MaildirStore near
Path {root}/
Inbox {root}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns {folders}
Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
'''
OFFLINEIMAP = '''[general]
accounts = m3
metadata = {root}.state
ui = quiet
socktimeout = 30
[Account m3]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {root}
sep = /
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = secret
ssl = no
starttls = no
auth_mechanisms = PLAIN, LOGIN
folderfilter = lambda name: name in {folders!r}
'''
INTERIMAP = '''database = {root}.db
list-mailbox = {folders}
[local]
type = imap
host = 127.0.0.1
port = {port}
STARTTLS = NO
username = {near}
password = secret
[remote]
type = imap
host = 127.0.0.1
port = {port}
STARTTLS = NO
username = {user}
password = secret
'''


class Sync(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        # The same story each time; the clients' own timing varies it.
        self.chance = random.Random(self.id())
        self.server = MortalServer(self.system, self.chance)
        self.addCleanup(self.server.close)
        self.number = 0

    def root(self, name):
        path = f'{self.system.folder}/{self._testMethodName}-{name}'
        os.makedirs(path, exist_ok=True)
        return path

    # --- the tools ----------------------------------------------------------

    def config(self, text, root, **values):
        path = root + '.conf'
        with open(path, 'w') as f:
            f.write(text.format(port=self.server.port, root=root, **values))
        os.chmod(path, 0o600)
        return path

    def mbsync(self, root, user):
        return ['mbsync', '-q', '-c', self.config(
            MBSYNC, root, user=user, folders=' '.join(FOLDERS),
            depth=self.chance.choice((1, 50))), '-a']

    def offlineimap(self, root, user):
        return ['offlineimap', '-o', '-c', self.config(
            OFFLINEIMAP, root, user=user, folders=FOLDERS)]

    def interimap(self, root, user, near):
        return ['interimap', '-q', '--config=' + self.config(
            INTERIMAP, root, user=user, near=near,
            folders=' '.join(FOLDERS))]

    def run_once(self, argv, patience=None):
        """The exit code. Whoever does nothing for `patience` seconds after
        its session died is killed too: imaplib2 (of offlineimap) at times
        waits for ever for a thread of its own that has ended."""
        with open(self.system.folder + '/said', 'w+b') as out:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=dict(os.environ, HOME=self.system.folder,
                         XDG_DATA_HOME=self.system.folder))
            try:
                self.wait(process, patience)
            finally:
                process.kill()
                process.wait()
            out.seek(0)
            self.said = out.read().decode(errors='replace')
        return process.returncode

    def wait(self, process, patience):
        end = time.monotonic() + 120
        deserted_at = None
        while process.poll() is None:
            now = time.monotonic()
            if not self.server.is_deserted():
                deserted_at = None
            elif deserted_at is None:
                deserted_at = now
            elif patience and now - deserted_at > patience:
                return
            self.assertLess(now, end, f'{process.args}: no end')
            time.sleep(0.02)

    def sync(self, argv, kills, reach):
        """Killed so often, then twice in peace. How often."""
        before = self.server.killed
        self.server.kills, self.server.reach = kills, reach
        for _ in range(5 * kills):
            if self.server.kills <= 0:
                break
            if self.run_once(argv, PATIENCE) == 0:
                # There is little left to say: sooner, then.
                self.server.reach = max(self.server.reach // 4, 300)
        self.server.kills = 0
        for _ in range(2):
            self.assertEqual(self.run_once(argv), 0, self.said)
        return self.server.killed - before

    # --- what happens to the mail ------------------------------------------

    def new_message(self, name, flags):
        """A number of its own, even for those that the near side changes;
        `want` knows what must be there in the end."""
        self.number += 1
        text = maildir.message(self.number, self.chance)
        self.want[name][self.number] = (text, flags)
        return text

    def some_flags(self):
        return ''.join(f for f in 'DFRS' if self.chance.random() < 0.3)

    def fill(self, root, count):
        self.want = {name: {} for name in FOLDERS}
        self.removed = set()
        for name in FOLDERS:
            folder = maildir.Maildir(f'{root}/{name}')
            for _ in range(count):
                flags = self.some_flags()
                folder.add(self.new_message(name, flags), flags)

    def plan(self, name, parity):
        """(removed, {number: new flags}) of those with that parity that
        both sides have."""
        mine = [n for n in self.want[name]
                if n % 2 == parity and n <= self.settled]
        gone = self.chance.sample(mine, 3)
        changed = {n: self.some_flags() for n in self.chance.sample(
            [n for n in mine if n not in gone], 4)}
        for number in gone:
            self.removed.add(self.want[name].pop(number)[0])
        for number, flags in changed.items():
            self.want[name][number] = (self.want[name][number][0], flags)
        return gone, changed

    def change_maildir(self, root):
        for name, folder in maildir.folders(root).items():
            gone, changed = self.plan(name, 0)
            for path in folder.files():
                with open(path, 'rb') as f:
                    number = maildir.number(f.read())
                if number in gone:
                    os.remove(path)
                elif number in changed:
                    folder.set_flags(path, changed[number])
            for _ in range(3):
                flags = self.some_flags()
                folder.add(self.new_message(name, flags), flags)

    def change_server(self, user, parity=1):
        client = self.peaceful(user)
        for name in FOLDERS:
            self.assertEqual(client.select(name)[0], 'OK')
            gone, changed = self.plan(name, parity)
            for uid, text, _ in self.fetch(client):
                number = maildir.number(text)
                if number in gone:
                    client.uid('STORE', uid, '+FLAGS', '(\\Deleted)')
                elif number in changed:
                    client.uid('STORE', uid, 'FLAGS', self.imap_flags(
                        changed[number]))
            client.expunge()
            for _ in range(3):
                flags = self.some_flags()
                text = self.new_message(name, flags)
                client.append(name, self.imap_flags(flags), None,
                              text.replace(b'\n', b'\r\n'))
        client.logout()

    # --- the server, asked in peace -----------------------------------------

    def peaceful(self, user):
        kills, self.server.kills = self.server.kills, 0
        client = imaplib.IMAP4('127.0.0.1', self.server.port, timeout=60)
        client.login(user, 'secret')
        self.server.kills = kills
        return client

    @staticmethod
    def imap_flags(flags):
        return '(' + ' '.join(FLAGS[f] for f in flags) + ')'

    @staticmethod
    def fetch(client):
        """[(uid, text with LF, flags as a Maildir has them)]"""
        found = []
        for part in client.uid('FETCH', '1:*', '(UID FLAGS BODY.PEEK[])')[1]:
            if part is None or len(part) != 2:
                continue
            flags = ''.join(f for f, name in FLAGS.items()
                            if name.encode() in part[0])
            found.append((re.search(rb'UID (\d+)', part[0]).group(1),
                          part[1].replace(b'\r\n', b'\n'), flags))
        return found

    def server_contents(self, user):
        client = self.peaceful(user)
        tree = {}
        for name in FOLDERS:
            client.select(name, readonly=True)
            tree[name] = collections.Counter(
                (maildir.MARKS.sub(b'', text), flags)
                for _, text, flags in self.fetch(client))
        client.logout()
        return tree

    def remove_doubles(self, user, allowed):
        """At most so many; the later one goes."""
        client = self.peaceful(user)
        for name in FOLDERS:
            client.select(name)
            seen = set()
            for uid, text, _ in self.fetch(client):
                if maildir.number(text) in seen:
                    allowed -= 1
                    client.uid('STORE', uid, '+FLAGS', '(\\Deleted)')
                seen.add(maildir.number(text))
            client.expunge()
        client.logout()
        self.assertGreaterEqual(allowed, 0, 'more doubles than APPENDs '
                                'without an answer')

    # --- what must hold -----------------------------------------------------

    # offlineimap forgets what it will delete before it deletes it, and
    # takes a message that is still there for a new one.
    may_come_back = False

    def assert_all_there(self, tree, where):
        for name in FOLDERS:
            want = collections.Counter(self.want[name].values())
            extra = tree[name] - want
            if self.may_come_back:
                extra = {key: count for key, count in extra.items()
                         if count > 1 or key[0] not in self.removed}
            self.assertFalse(want - tree[name] or extra, f"""{where}, {name}:
{self.brief(want - tree[name])} missing, {self.brief(extra)} too many;
{self.said[-1500:]}""")

    def assert_equal_trees(self, root, user):
        there, here = self.server_contents(user), maildir.tree_contents(root)
        self.assert_all_there(there, 'server')
        self.assert_all_there(here, root)
        for name in FOLDERS:
            self.assertTrue(there[name] == here[name], f"""{name}: only on
the server {self.brief(there[name] - here[name])}, only here
{self.brief(here[name] - there[name])}""")

    @staticmethod
    def brief(counter):
        return sorted((maildir.number(text), flags, count)
                      for (text, flags), count in counter.items())

    def story(self, tool, finds_its_own):
        """There and back, with a change of both sides in the middle."""
        self.may_come_back = not finds_its_own
        user = f'{tool.__name__}@example.org'
        self.system.add_mailbox(user)
        near, back = self.root('near'), self.root('back')
        self.fill(near, 14)
        killed = 0
        for change in (False, True):
            self.settled = self.number
            if change:
                self.change_maildir(near)
                self.change_server(user)
            unanswered = self.server.unanswered()
            killed += self.sync(tool(near, user), 4, REACH)
            if not finds_its_own:
                self.remove_doubles(
                    user, self.server.unanswered() - unanswered)
                self.assertEqual(self.run_once(tool(near, user)), 0)
            self.assert_equal_trees(near, user)
        killed += self.sync(tool(back, user), 2, REACH)
        self.assert_equal_trees(back, user)
        self.assertGreater(killed, 6)

    def test_isync(self):
        self.story(self.mbsync, True)

    def test_offlineimap(self):
        self.story(self.offlineimap, False)

    def test_interimap(self):
        """From one mailbox to another, both behind dying sessions."""
        users = 'near@example.org', 'far@example.org'
        for user in users:
            self.system.add_mailbox(user)
        start, back = self.root('near'), self.root('back')
        self.fill(start, 14)
        self.assertEqual(self.run_once(self.mbsync(start, users[0])), 0,
                         self.said)
        tool = self.interimap(start, users[1], users[0])
        killed = 0
        for change in (False, True):
            self.settled = self.number
            if change:
                for parity, user in enumerate(users):
                    self.change_server(user, parity)
            unanswered = self.server.unanswered()
            killed += self.sync(tool, 6, REACH)
            self.remove_doubles(users[1],
                                self.server.unanswered() - unanswered)
            self.assertEqual(self.run_once(tool), 0, self.said)
            for user in users:
                self.assert_all_there(self.server_contents(user), user)
        self.assertEqual(self.run_once(self.mbsync(back, users[1])), 0,
                         self.said)
        self.assert_all_there(maildir.tree_contents(back), 'back')
        self.assertGreater(killed, 6)

    def tearDown(self):
        self.server.kills = 0
        self.system.verify()


if __name__ == '__main__':
    unittest.main()
