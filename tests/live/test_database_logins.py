"""MongoDB with users: each program has one of its own, which can do what the
program does and nothing else. A good part of the other modules runs here
once more, with those users; mongod's log then tells that nothing was asked
for that was not granted."""
import importlib
import json
import os
import smtplib
import stat
import unittest

import pymongo

import harness
import mongo
from harness import LiveTest, System, binary, wait_for

PROGRAMS = ('smtp', 'imap', 'mda', 'notify', 'admin')
# Modules that are run with logins as well.
AGAIN = ('test_mda', 'test_queue_admin', 'test_routing', 'test_imap_quota',
         'test_imap_metadata', 'test_imap_catenate')
# But not these, which are long and ask the database for nothing new.
LONG = ('Routing.test_limits_of_aliases', 'Mda.test_template',
        'Mda.test_example_is_the_built_in', 'Routing.test_list',
        'Catenate.test_urls_name_what_fetch_gives', 'Catenate.test_limits',
        'Routing.test_list_of_lists_in_a_circle',
        'Dialogs.test_limits')
# So that deriving the keys of a login (0.5 s of CPU) shows in a session.
ITERATIONS = 500000

server = None


def start_server():
    """Ended by mongo.py at the end of this process."""
    global server
    if not server:
        server = mongo.ReplicaSet(auth=True)
        server.__enter__()
        harness.URI = server.uri


def setUpModule():
    start_server()


class WithUsers(unittest.TestSuite):
    """Tests of other modules, whose run does not call our setUpModule."""

    def run(self, result, debug=False):
        start_server()
        return super().run(result, debug)


def refusals():
    """What mongod refused to a user of ours: [(user, command)]"""
    found = []
    with open(server.folder + '/log') as f:
        for line in f:
            if 'Checking authorization failed' not in line and \
                    '"Unauthorized"' not in line:
                continue
            found.append(line[:600])
    return found


class LoginTest(LiveTest):
    def login(self, program):
        """(name, password) of the program's file."""
        with open(f'{self.system.folder}/logins/m3mta-{program}') as f:
            return f.read().strip().split(':')

    def database(self, program):
        name, password = self.login(program)
        client = pymongo.MongoClient(
            harness.without_login(harness.URI), username=name,
            password=password, authSource=self.system.name)
        self.addCleanup(client.close)
        return client[self.system.name]

    def root_config(self):
        return self.system.folder + '/root.json'


class Again(LoginTest):
    """What the modules of AGAIN did."""

    def test_no_program_asked_for_more_than_it_may(self):
        self.assertEqual(refusals(), [])

    def test_they_ran_with_these_users(self):
        """Else the test above says nothing."""
        seen = set()
        with open(server.folder + '/log') as f:
            for line in f:
                if '"Authentication succeeded"' in line:
                    seen.add(json.loads(line)['attr']['principalName'])
        self.assertLessEqual({'m3mta-' + p for p in PROGRAMS
                              if p != 'notify'}, seen)


class Rights(LoginTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')
        port = cls.system.serve('m3mta-smtp', 'smtp')
        for _ in range(2):
            cls.system.send(port, 'a@b.example', ['ann@example.org'],
                            'Subject: x\n\nsecret')
            if not cls.system.db.messages.count_documents({}):
                cls.system.mda()

    def refused(self, action, *args, **more):
        with self.assertRaises(pymongo.errors.OperationFailure) as caught:
            action(*args, **more)
        self.assertEqual(caught.exception.code, 13)

    def test_smtp_reads_no_message(self):
        db = self.database('smtp')
        for name in ('queue', 'messages', 'blobs', 'folders', 'pages',
                     'trash', 'annotations'):
            with self.subTest(name):
                self.refused(db[name].find_one)
        # Nor does it take one back or away.
        self.refused(db.queue.delete_many, {})
        self.refused(db.queue.update_many, {}, {'$set': {'x': 1}})
        self.refused(db.blobs.delete_many, {})
        self.assertIsNotNone(db.mailboxes.find_one())

    def test_imap_writes_no_queue(self):
        db = self.database('imap')
        self.refused(db.queue.find_one)
        self.assertTrue(any('m3mta-imap' in x for x in refusals()))
        self.refused(db.queue.insert_one, {'_id': 1})
        self.refused(db.queue.update_many, {}, {'$set': {'x': 1}})
        self.refused(db.queue.delete_many, {})
        self.assertIsNotNone(db.messages.find_one())

    def test_only_the_mda_and_m3mta_write_outcomes(self):
        change = {'$set': {'x': 1}}
        for program in PROGRAMS:
            db = self.database(program)
            with self.subTest(program):
                if program in ('mda', 'admin'):
                    self.assertEqual(
                        db.queue.update_many({}, change).matched_count, 1)
                else:
                    self.refused(db.queue.update_many, {}, change)
        self.system.db.queue.update_many({}, {'$unset': {'x': 1}})

    def test_no_daemon_configures_or_makes_users(self):
        for program in PROGRAMS[:-1]:
            db = self.database(program)
            with self.subTest(program):
                self.refused(db.config.update_many, {}, {'$set': {'x': 1}})
                self.refused(db.domains.delete_many, {})
                self.refused(db.mailboxes.insert_one, {'_id': 'x'})
                self.refused(db.command, 'createUser', 'x', pwd='x',
                             roles=[])
                self.refused(db.create_collection, 'other')

    def test_each_collection_has_rights_in_the_table(self):
        """Who is left out of it is left out of a role."""
        names = {c for c in self.system.db.list_collection_names()
                 if not c.startswith('system.')}
        granted = set()
        for program in PROGRAMS[:-1]:
            info = self.system.db.command(
                'rolesInfo', {'role': 'm3mta-' + program,
                              'db': self.system.name},
                showPrivileges=True)
            granted |= {p['resource']['collection']
                        for p in info['roles'][0]['privileges']}
        self.assertEqual(granted, names)

    def test_a_second_time_changes_nothing_and_mends(self):
        s = self.system
        before = {p: self.login(p) for p in PROGRAMS}
        s.db.command('updateUser', 'm3mta-smtp', pwd='other',
                     mechanisms=['SCRAM-SHA-256'])
        s.db.command('updateRole', 'm3mta-imap', privileges=[])
        done = s.run([binary('m3mta'), '-c', self.root_config(), 'init',
                      '--roles', f'--logins={s.folder}/logins'])
        self.assertEqual(before, {p: self.login(p) for p in PROGRAMS})
        for _, password in before.values():
            self.assertNotIn(password.encode(), done.stdout + done.stderr)
        self.assertIsNotNone(self.database('smtp').domains.find_one())
        self.assertIsNotNone(self.database('imap').messages.find_one())
        # m3mta may do it by itself from then on.
        s.m3mta('init', '--roles')

    def test_nobody_else_can_read_the_files(self):
        folder = self.system.folder + '/logins'
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        for program in PROGRAMS:
            path = f'{folder}/m3mta-{program}'
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        path = folder + '/m3mta-admin'
        os.chmod(path, 0o644)
        try:
            done = self.system.run([binary('m3mta'), '-c',
                                    self.system.config, 'domain', 'list'],
                                   code=78)
            self.assertIn(b'others can read it', done.stderr)
        finally:
            os.chmod(path, 0o600)

    def test_the_credential_of_a_unit_goes_first(self):
        s = self.system
        os.makedirs(s.folder + '/credentials')
        path = s.folder + '/credentials/database'
        os.rename(s.folder + '/logins/m3mta-admin', path)
        try:
            s.run([binary('m3mta'), '-c', s.config, 'domain', 'list'],
                  env={'CREDENTIALS_DIRECTORY': s.folder + '/credentials'})
            s.m3mta('domain', 'list', code=78)
        finally:
            os.rename(path, s.folder + '/logins/m3mta-admin')


class Passwords(LoginTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def set_password(self, program, password, in_file=True):
        self.system.db.command('updateUser', 'm3mta-' + program,
                               pwd=password, mechanisms=['SCRAM-SHA-256'])
        if in_file:
            self.write_login(program, password)

    def write_login(self, program, password):
        path = f'{self.system.folder}/logins/m3mta-{program}'
        with open(path + '.new', 'w') as f:
            os.chmod(path + '.new', 0o600)
            f.write(f'm3mta-{program}:{password}\n')
        os.rename(path + '.new', path)

    @staticmethod
    def recipient(port):
        with smtplib.SMTP('127.0.0.1', port, timeout=60) as client:
            client.helo('a')
            client.mail('a@b.example')
            return client.rcpt('ann@example.org')[0]

    def test_a_wrong_password_is_a_fault_of_the_configuration(self):
        s = self.system
        right = self.login('admin')[1]
        self.write_login('admin', 'wrong')
        self.addCleanup(self.write_login, 'admin', right)
        done = s.run([binary('m3mta'), '-c', s.config, 'domain', 'list'],
                     code=78)
        self.assertNotIn(b'wrong\n', done.stderr)

    def test_a_wrong_password_refuses_no_mail_for_good(self):
        right = self.login('smtp')[1]
        self.write_login('smtp', 'wrong')
        self.addCleanup(self.write_login, 'smtp', right)
        port = self.system.serve('m3mta-smtp', 'smtp')
        self.assertEqual(self.recipient(port), 451)
        # And when the file is right again, so is the answer.
        self.write_login('smtp', right)
        self.assertEqual(self.recipient(port), 250)

    def test_a_new_password_disturbs_no_client(self):
        s = self.system
        port = s.serve('m3mta-smtp', 'smtp')
        reused = s.serve('m3mta-smtp', 'smtp',
                         options=('-o', 'server.max_use=100'))
        spare = s.serve('m3mta-smtp', 'smtp',
                        options=('-o', 'server.spare=2'))
        mda = s.start_mda()
        ports = (port, reused, spare)
        self.assertEqual([self.recipient(p) for p in ports], [250] * 3)
        for i in range(3):
            self.set_password('smtp', f'new{i}')
            self.set_password('mda', f'new{i}')
            for _ in range(3):
                self.assertEqual([self.recipient(p) for p in ports],
                                 [250] * 3)
        s.send(port, 'a@b.example', ['ann@example.org'], 'Subject: x\n\nx')
        wait_for(lambda: s.db.queue.count_documents({}) == 0, 60, 'the mda')
        s.stop(mda)


class Keys(unittest.TestCase):
    """The parent derives the keys of a login once for all its children."""

    def setUp(self):
        self.server = mongo.ReplicaSet(auth=True)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.addCleanup(setattr, harness, 'URI', harness.URI)
        harness.URI = self.server.uri
        self.server.client.admin.command(
            'setParameter', 1, scramSHA256IterationCount=ITERATIONS)
        self.system = System()
        self.addCleanup(self.system.close)
        self.system.add_domain()
        self.system.add_mailbox('ann@example.org')

    def cpu(self, process):
        """Seconds of the ended children of a process."""
        with open(f'/proc/{process.pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return sum(map(int, fields[13:15])) / os.sysconf('SC_CLK_TCK')

    def sessions(self, port, process, n):
        before = self.cpu(process)
        codes = [Passwords.recipient(port) for _ in range(n)]
        self.assertEqual(codes, [250] * n)
        return self.cpu(process) - before

    def test_a_login_costs_a_session_nothing(self):
        s = self.system
        port = s.serve('m3mta-smtp', 'smtp')
        process = s.processes[-1]
        self.assertEqual(Passwords.recipient(port), 250)
        alone = s.run([binary('m3mta'), '-c', s.config, 'domain', 'list'])
        del alone
        # Ten derivations would be 5 s.
        self.assertLess(self.sessions(port, process, 10), 2)

    def test_nor_after_the_database_was_away_at_the_start(self):
        s = self.system
        self.server.process.kill()
        self.server.process.wait()
        port = s.serve('m3mta-smtp', 'smtp')
        process = s.processes[-1]
        self.assertEqual(Passwords.recipient(port), 451)
        self.server.restart()
        wait_for(lambda: Passwords.recipient(port) == 250, 60, 'RCPT')

        def is_cheap():
            return self.sessions(port, process, 4) < 0.8
        wait_for(is_cheap, 60, 'the parent to log in')


def each_test(suite):
    for x in suite:
        if isinstance(x, unittest.TestSuite):
            yield from each_test(x)
        else:
            yield x


def load_tests(loader, tests, _):
    suite = WithUsers()
    for name in AGAIN:
        module = importlib.import_module(name)
        suite.addTests(
            test for test in each_test(loader.loadTestsFromModule(module))
            if test.id().split('.', 1)[1] not in LONG)
    suite.addTests(loader.loadTestsFromTestCase(Again))
    for case in (Rights, Passwords, Keys):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == '__main__':
    unittest.main()
