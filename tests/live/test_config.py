"""The configuration: where a value comes from, and what is refused, by each
program, in one line that names file, key and what is allowed."""
import json
import os
import unittest

from harness import LiveTest, binary

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
        s.db.config.insert_one({'_id': 'imap', 'nosuch': 1})
        self.addCleanup(s.db.config.delete_one, {'_id': 'imap'})
        done = s.run([binary('m3mta'), '-c', s.config, 'config', 'check'],
                     code=78)
        self.assertIn(b'nosuch', done.stderr)

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
