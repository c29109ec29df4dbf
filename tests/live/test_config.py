"""The configuration: where a value comes from, and what is refused, by each
program, in one line that names file, key and what is allowed."""
import json
import os
import subprocess
import unittest

import bson

from harness import LiveTest, binary
from limits import LIMITS

PROGRAMS = ('m3mta-smtp', 'm3mta-imap', 'm3mta-mda')

# What stands in the file, words of the complaint.
REFUSED = [
    ('{"nosuch": 1}', ['nosuch', 'no such key']),
    ('{"smtp": {"nosuch": 1}}', ['smtp.nosuch', 'no such key']),
    ('{"smtp.expn": "perhaps"}', ['smtp.expn', 'true or false']),
    ('{"smtp.expn": 5}', ['smtp.expn', 'true or false']),
    ('{"smtp.limit.errors": "many"}', ['smtp.limit.errors', 'a number',
                                       '1 to 10000']),
    ('{"smtp.limit.errors": 0}', ['smtp.limit.errors', '1 to 10000']),
    ('{"smtp.limit.errors": 99999}', ['smtp.limit.errors', '1 to 10000']),
    ('{"smtp.limit.errors": 1.5}', ['smtp.limit.errors']),
    ('{"smtp.limit.errors": {"a": 1}}', ['smtp.limit.errors',
                                         'a text, number']),
    ('{"smtp.size.maximum": "10X"}', ['smtp.size.maximum', 'octets']),
    ('{"smtp.timeout.data": "5 parsecs"}', ['smtp.timeout.data', 'a time']),
    ('{"smtp.starttls": "maybe"}', ['smtp.starttls',
                                    'off|offered|remote|required']),
    ('{"limit.logins.source": "5"}', ['limit.logins.source', '100/1h']),
    ('{"retry.durations": [{"before": "1h"}]}', ['retry.durations',
                                                 'after']),
    ('{"retry.durations": [{"after": "soon"}]}', ['retry.durations']),
    ('{"retry.durations": []}', ['retry.durations']),
    ('{"spam.reject": "lots"}', ['spam.reject', 'a number']),
    ('{"smtp.relay.networks": ["10.0.0.0/33"]}', ['smtp.relay.networks',
                                                  '10.0.0.0/33']),
    ('{"hostname": "a\\u0000b"}', ['hostname']),
    ('{"hostname": "' + 'x' * 256 + '"}', ['hostname']),
    ('{"hostname": ', []),
    ('[]', ['object']),
    ('nonsense', ['object']),
]


class Config(LiveTest):
    def file(self, text):
        path = self.system.folder + '/other.json'
        with open(path, 'w') as f:
            f.write(text)
        return path

    @staticmethod
    def complaints(program, done):
        """Without what the MongoDB driver has to say about the machine."""
        return [line for line in done.stderr.decode().split('\n')
                if line.startswith(program + ': ')]

    def test_refused(self):
        for i, (text, words) in enumerate(REFUSED):
            path = self.file(text)
            for program in [PROGRAMS[i % 3], 'm3mta']:
                with self.subTest(text=text[:60], program=program):
                    argv = [binary(program), '-c', path]
                    if program == 'm3mta':
                        argv += ['config', 'check']
                    done = self.system.run(argv, code=78)
                    line = '\n'.join(self.complaints(program, done))
                    self.assertEqual(line.count('\n'), 0, line)
                    for word in [path, *words]:
                        self.assertIn(word, line)
                    self.assertEqual(done.stdout, b'')

    def test_no_file(self):
        for program in PROGRAMS:
            done = self.system.run([binary(program), '-c', '/no/such/file'],
                                   code=78)
            self.assertIn(b'/no/such/file', done.stderr)

    def test_options(self):
        for option, word in (('nosuch=1', b'nosuch'), ('smtp.expn', b'='),
                             ('smtp.expn=x', b'true or false')):
            done = self.system.run(
                [binary('m3mta-smtp'), '-c', self.system.config, '-o',
                 option], code=78)
            self.assertIn(word, done.stderr)

    def test_times_that_do_not_go_together(self):
        s = self.system
        s.m3mta('config', 'check')
        for options, words in (
                (['mda.lease=1m'], ['mda.lease (60s)',
                                    'remote.timeout.reply (300s)']),
                (['remote.timeout.message=2m'],
                 ['remote.timeout.message (120s)',
                  'remote.timeout.reply (300s)',
                  'mda.lease is longer']),
                (['mda.lease=20s', 'remote.timeout.reply=10s',
                  'remote.timeout.connect=10s',
                  'remote.timeout.short=10s', 'spam.at=mda',
                  'spam.server=127.0.0.1:1'],
                 ['spam.timeout (30s)']),
                (['remote.timeout.short=10m'], ['remote.timeout.short'])):
            with self.subTest(options):
                argv = [binary('m3mta'), '-c', s.config]
                for option in options:
                    argv += ['-o', option]
                done = s.run(argv + ['config', 'check'], code=1)
                for word in words:
                    self.assertIn(word, done.stderr.decode())
        with open(s.config) as f:
            settings = json.load(f)
        settings['filters'] = [{'run': '/bin/true', 'timeout': '20m'}]
        path = self.file(json.dumps(settings))
        done = s.run([binary('m3mta'), '-c', path, 'config', 'check'], code=1)
        self.assertIn(b'entry 1 of filters (1200s)', done.stderr)

    def shown(self, *words):
        rows = self.system.m3mta_json('config', 'show', *words, '--origin')
        return {r['key']: (r['value'], r['origin']) for r in rows}

    def test_origin(self):
        s = self.system
        s.m3mta('config', 'set', 'all', 'smtp.limit.errors', '7')
        s.m3mta('config', 'set', 'smtp', 'smtp.limit.messages', '8')
        s.m3mta('config', 'set', 'mda', 'retry.durations', '1h,2h notify')
        s.set('smtp.limit.commands', 99)
        s.write_config()
        shown = self.shown()
        self.assertEqual(shown['smtp.limit.errors'], ('7', 'database'))
        self.assertEqual(shown['smtp.limit.messages'], ('8', 'database'))
        self.assertEqual(shown['smtp.limit.commands'], ('99', 'file'))
        self.assertEqual(shown['smtp.vrfy'], ('false', 'default'))
        self.assertEqual(self.shown('mda')['retry.durations'][1],
                         'database')
        self.assertEqual(self.shown('imap')['smtp.limit.messages'][1],
                         'default')
        # The file wins, key by key; a daemon's document before that of all.
        s.set('smtp.limit.errors', 9)
        s.write_config()
        self.assertEqual(self.shown()['smtp.limit.errors'], ('9', 'file'))
        done = s.run([binary('m3mta'), '-c', s.config, '-o',
                      'smtp.limit.errors=11', '--json', 'config', 'show',
                      '--origin'])
        rows = {r['key']: r for r in json.loads(done.stdout)}
        self.assertEqual(rows['smtp.limit.errors']['origin'], 'option')
        s.m3mta('config', 'check')
        s.m3mta('config', 'unset', 'all', 'smtp.limit.errors')
        s.m3mta('config', 'unset', 'mda', 'retry.durations')
        # It takes effect: nine bad commands, then the end.
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO a.example')
        d.smtp('MAIL FROM:<a@b.example>')
        d.smtp('RCPT TO:<a@b.example>')  # reads the documents
        answers = [d.smtp('FROB')[:3] for _ in range(9)]
        self.assertEqual(answers, ['500'] * 9)
        self.assertEqual(d.reply()[0][:3], '421')

    def test_database_is_checked(self):
        s = self.system
        s.m3mta('config', 'set', 'smtp', 'nosuch', '1', code=78)
        s.m3mta('config', 'set', 'smtp', 'smtp.limit.errors', 'x', code=78)
        # What only the file may say.
        for key in ('database.uri', 'tls.key', 'hostname'):
            s.m3mta('config', 'set', 'smtp', key, 'x', code=78)
        # Another program may have written there.
        s.db.config.insert_one({'_id': 'imap', 'keys': {'nosuch': 1}})
        self.addCleanup(s.db.config.delete_one, {'_id': 'imap'})
        done = s.run([binary('m3mta'), '-c', s.config, 'config', 'check'],
                     code=78)
        self.assertIn(b'nosuch', done.stderr)

    def test_a_key_may_be_the_start_of_another_ones_name(self):
        s = self.system
        self.addCleanup(s.db.config.delete_one, {'_id': 'mda'})
        keys = {'remote.route': 'relay.example:25',
                'remote.route.login': 'me', 'remote.route.tls': 'must'}
        for order in (sorted(keys), sorted(keys, reverse=True)):
            for key in order:
                s.m3mta('config', 'set', 'mda', key, keys[key])
            s.mda()
            shown = self.shown('mda')
            for key, value in keys.items():
                self.assertEqual(shown[key], (value, 'database'))
            for key in order:
                s.m3mta('config', 'unset', 'mda', key)
                self.assertEqual(self.shown('mda')[key][1], 'default')

    def test_what_makes_the_whole_wrong_is_not_written(self):
        s = self.system
        before = list(s.db.config.find())
        for words in (('all', 'smtp.relay.networks', '10.0.0.0/8,bogus/99'),
                      ('smtp', 'smtp.relay.networks', '::1/200'),
                      ('mda', 'retry.durations', '1h,soon')):
            done = s.run([binary('m3mta'), '-c', s.config, 'config', 'set',
                          *words], code=78)
            self.assertIn(words[1].encode(), done.stderr)
        # Also where this host's file hides it: other hosts have others.
        path = self.file(json.dumps(
            {**s.settings, 'retry': {'durations': '1h'}}))
        s.run([binary('m3mta'), '-c', path, 'config', 'set', 'mda',
               'retry.durations', '1h,soon'], code=78)
        self.assertEqual(list(s.db.config.find()), before)

    def hide(self, s):
        """A wrong value for all, which each daemon's own one hides."""
        for name in ('smtp', 'imap', 'mda'):
            s.m3mta('config', 'set', name, 'retry.durations', '1h')
        self.addCleanup(s.db.config.delete_many,
                        {'_id': {'$in': ['all', 'smtp', 'imap', 'mda']}})

    def test_unset_is_checked_like_set(self):
        s = self.system
        self.hide(s)
        s.m3mta('config', 'set', 'all', 'retry.durations', '1h,soon')
        s.m3mta('config', 'unset', 'mda', 'retry.durations', code=78)
        s.m3mta('config', 'check')
        # What is wrong already can be taken away, one key after the other.
        s.db.config.update_one({'_id': 'mda'}, {'$set': {
            'keys.smtp/relay/networks': 'bogus/99',
            'keys.nosuch': 1, 'keys.smtp/limit/errors': 'x'}})
        s.m3mta('config', 'check', code=78)
        s.m3mta('config', 'unset', 'mda', 'smtp.relay.networks')
        s.m3mta('config', 'unset', 'mda', 'smtp.limit.errors')

    def test_two_writes_at_once_are_checked_together(self):
        s = self.system
        self.hide(s)
        words = (('set', 'all', 'retry.durations', '1h,soon'),
                 ('unset', 'mda', 'retry.durations'))
        for _ in range(12):
            running = [subprocess.Popen(
                [binary('m3mta'), '-c', s.config, 'config', *w],
                stderr=subprocess.DEVNULL) for w in words]
            codes = [p.wait(60) for p in running]
            self.assertEqual(sorted(codes), [0, 78])
            s.m3mta('config', 'check')
            s.m3mta('config', 'set', 'mda', 'retry.durations', '1h')
            s.m3mta('config', 'unset', 'all', 'retry.durations')

    def test_a_file_that_others_can_write_is_refused(self):
        path = self.file(json.dumps(self.system.settings))
        for mode in (0o666, 0o646, 0o664, 0o622):
            os.chmod(path, mode)
            for name in ('m3mta-smtp', 'm3mta-imap', 'm3mta-mda'):
                done = self.system.run([binary(name), '-c', path], code=78)
                self.assertIn(b'can write', done.stderr, (name, mode))
        os.chmod(path, 0o644)
        self.system.run([binary('m3mta-mda'), '-c', path])

    def test_a_huge_document_is_a_bad_one(self):
        """It would not fit into a session, which would end of it."""
        s = self.system
        self.addCleanup(s.db.config.delete_one, {'_id': 'all'})
        s.m3mta('config', 'set', 'all', 'smtp.relay.networks', ','.join(
            f'10.0.{n}.0/24' for n in range(250)))
        d = self.dialog('m3mta-imap')
        d.line()
        self.assertIn(b'AUTHENTICATIONFAILED', d.imap('a', 'LOGIN nobody x'))
        many = [f'10.{n >> 8}.{n & 255}.0/24' for n in range(20000)]
        s.run([binary('m3mta'), '-c', s.config, 'config', 'set', 'all',
               'smtp.relay.networks', ','.join(many[:6000])], code=78)
        s.db.config.update_one({'_id': 'all'}, {'$set': {
            'keys.smtp/relay/networks': many}})
        done = s.run([binary('m3mta'), '-c', s.config, 'config', 'check'],
                     code=78)
        self.assertIn(b'"all": over', done.stderr)
        for _ in range(2):
            d = self.dialog('m3mta-imap')
            d.line()
            self.assertIn(b'NO [UNAVAILABLE]', d.imap('a', 'LOGIN nobody x'))
            d = self.dialog('m3mta-smtp')
            d.reply()
            d.smtp('EHLO x.example')
            d.smtp('MAIL FROM:<>')
            self.assertRegex(d.smtp('RCPT TO:<a@example.org>'), '^451')
            self.assertRegex(d.smtp('QUIT'), '^221')
        s.m3mta('config', 'unset', 'all', 'smtp.relay.networks')
        s.m3mta('config', 'check')
        most = LIMITS['LIMIT_CONFIG_DOCUMENT']
        empty = len(bson.encode(dict(s.db.config.find_one({'_id': 'all'}),
                                     more='')))
        for n, word in ((most, b'there is no such key'),
                        (most + 1, b'"all": over')):
            s.db.config.update_one({'_id': 'all'}, {
                '$set': {'more': 'x' * (n - empty)}})
            done = s.run([binary('m3mta'), '-c', s.config, 'config',
                          'check'], code=78)
            self.assertIn(word, done.stderr)

    def test_a_client_is_not_told_what_is_wrong(self):
        s = self.system
        s.db.config.insert_one({'_id': 'all', 'keys': {
            'smtp/relay/networks': 'bogus/99'}})
        self.addCleanup(s.db.config.delete_one, {'_id': 'all'})
        port = s.serve('m3mta-smtp', 'smtp')
        before = s.logs().count('bogus')
        d = self.dialog('m3mta-smtp', port=port)
        d.reply()
        d.smtp('EHLO a.example')
        d.smtp('MAIL FROM:<a@b.example>')
        answer = d.smtp('RCPT TO:<a@b.example>')
        self.assertEqual(answer, '451 4.3.0 Temporary failure of the mail '
                         'system, try again later')
        port = s.serve('m3mta-imap', 'imap')
        d = self.dialog('m3mta-imap', port=port)
        d.line()
        answer = d.imap('a', 'LOGIN a@b.example x')
        self.assertIn(b'[UNAVAILABLE]', answer)
        self.assertNotIn(b'bogus', answer)
        self.assertEqual(s.logs().count('bogus'), before + 2)

    def test_a_bad_document_does_not_stop_who_has_a_good_one(self):
        s = self.system
        s.m3mta('config', 'set', 'all', 'smtp.limit.errors', '2')
        reader = s.serve('m3mta-smtp', 'smtp', form='fork')
        d = self.dialog('m3mta-smtp', port=reader)
        self.assertEqual(d.reply()[0][:3], '220')
        s.db.config.update_one({'_id': 'all'}, {'$set': {
            'keys.smtp/relay/networks': 'bogus/99'}})
        self.addCleanup(s.db.config.delete_one, {'_id': 'all'})
        # Each connection is a new child of the parent that read it before.
        for _ in range(2):
            d = self.dialog('m3mta-smtp', port=reader)
            d.reply()
            d.smtp('EHLO a.example')
            d.smtp('MAIL FROM:<a@b.example>')
            self.assertEqual(d.smtp('RCPT TO:<a@b.example>')[:3], '550')
        # What the good one said holds.
        d = self.dialog('m3mta-smtp', port=reader)
        d.reply()
        d.smtp('EHLO a.example')
        d.smtp('MAIL FROM:<a@b.example>')
        d.smtp('RCPT TO:<a@b.example>')
        answers = [d.smtp('FROB')[:3] for _ in range(2)]
        self.assertEqual(answers, ['500', '500'])
        self.assertEqual(d.reply()[0][:3], '421')
        self.assertEqual(s.logs().count('event=config-refused'), 3)

    def test_programs_are_named_by_the_file_alone(self):
        s = self.system
        for key in ('filters', 'hooks'):
            done = s.run([binary('m3mta'), '-c', s.config, 'config', 'set',
                          'all', key, '/bin/cat'], code=78)
            self.assertIn(b'programs to run', done.stderr)
        mark = s.folder + '/ran'
        program = s.folder + '/filter'
        with open(program, 'w') as f:
            f.write(f'#!/bin/sh\ntouch {mark}\n')
        os.chmod(program, 0o755)
        s.add_domain()
        s.add_mailbox('ann@example.org')
        for name in ('smtp', 'mda'):
            s.db.config.delete_one({'_id': name})
            s.db.config.insert_one({
                '_id': name, 'keys': {
                    'filters': [{'run': program}],
                    'hooks': [{'run': program, 'at': 'mail'}],
                    'smtp/limit/recipients': 700}})
            self.addCleanup(s.db.config.delete_one, {'_id': name})
        port = s.serve('m3mta-smtp', 'smtp')
        s.send(port, 'a@b.example', ['ann@example.org'], 'Subject: x\n\nx')
        mda = s.mda()
        self.assertEqual(s.db.queue.count_documents({}), 0)
        self.assertFalse(os.path.exists(mark))
        for log in (s.logs(), mda.stderr.decode()):
            lines = [x for x in log.split('\n') if 'config-ignored' in x]
            self.assertEqual(len(lines), 1, log)
            self.assertIn('filters', lines[0])
            self.assertIn('hooks', lines[0])
        # What else the document says holds.
        self.assertEqual(self.shown()['smtp.limit.recipients'],
                         ('700', 'database'))
        for words, code in ((('config', 'check'), 78), (('verify',), 1),
                            (('init',), 0)):
            done = s.run([binary('m3mta'), '-c', s.config, *words],
                         code=code)
            self.assertIn(b'filters', done.stdout + done.stderr)
        for name in ('smtp', 'mda'):
            s.m3mta('config', 'unset', name, 'filters')
            s.m3mta('config', 'unset', name, 'hooks')
        s.m3mta('config', 'check')
        s.m3mta('verify')

    def test_a_program_may_be_named_by_its_path_alone(self):
        for value in ('/bin/cat', ['/bin/cat'], [{'run': '/bin/cat'}]):
            path = self.file(json.dumps(
                {**self.system.settings, 'filters': value}))
            done = self.system.run([binary('m3mta'), '-c', path, '--json',
                                    'config', 'show', 'mda'])
            shown = {r['key']: r['value'] for r in json.loads(done.stdout)}
            self.assertEqual(shown['filters'], 'run=/bin/cat')

    def test_no_secret_is_shown(self):
        s = self.system
        path = self.file(json.dumps({
            **s.settings, 'remote.route.login': 'us',
            'remote.route.password': 'hunter2'}))
        hidden = s.settings['database']['uri'].replace(
            'mongodb://', 'mongodb://joe:p%40ss@')
        for words in ((), ('--json',)):
            done = s.run([binary('m3mta'), '-c', path, *words, 'config',
                          'show', 'mda'])
            self.assertIn(b'remote.route.password', done.stdout)
            self.assertNotIn(b'hunter2', done.stdout)
        done = s.run([binary('m3mta'), '-c', path, '-o',
                      'database.uri=' + hidden[:9], 'config', 'show'],
                     code=78)
        self.assertNotIn(b'mongodb:', done.stderr)
        # Nor does a secret stand on a command line.
        for word in ('remote.route.password=hunter4', 'database.uri=' + hidden):
            done = s.run([binary('m3mta'), '-c', path, '-o', word, 'config',
                          'show'], code=78)
            self.assertIn(b'command line', done.stderr)
            self.assertNotIn(b'hunter4', done.stderr)
        # The driver takes what is behind the first '@' for a host.
        wrong = self.file(json.dumps({**s.settings, 'database': {
            'uri': 'mongodb://joe:p@ss2@127.0.0.1:1/'}}))
        for program, *words in (('m3mta', 'domain', 'list'),
                                ('m3mta-smtp',)):
            done = s.run([binary(program), '-c', wrong, *words], code=78)
            self.assertIn(b'%40', done.stderr)
            self.assertNotIn(b'ss2', done.stderr)
        key = 'remote.route.password'
        s.m3mta('config', 'set', 'mda', key, 'hunter3', code=64)
        self.assertIsNone(s.db.config.find_one({'_id': 'mda'}))
        s.m3mta('config', 'set', 'mda', key, '--value-file=-',
                data=b'hunter3\n')
        self.addCleanup(s.db.config.delete_one, {'_id': 'mda'})
        stored = s.db.config.find_one({'_id': 'mda'})
        self.assertEqual(stored['keys']['remote/route/password'], 'hunter3')
        shown = self.shown('mda')
        self.assertEqual(shown[key], ('***', 'database'))

    def test_example_is_good(self):
        here = os.path.dirname(os.path.abspath(__file__))
        path = os.path.realpath(here + '/../../etc/m3mta.json')
        with open(path) as f:
            settings = json.load(f)
        settings['database'] = self.system.settings['database']
        self.system.run([binary('m3mta'), '-c', self.file(
            json.dumps(settings)), 'config', 'check'])


if __name__ == '__main__':
    unittest.main()
