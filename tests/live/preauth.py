"""IMAP sessions that need no login, spoken to by hand."""
from harness import LiveTest


class PreauthTest(LiveTest):
    def start(self, address):
        d = self.dialog('m3mta-imap', '--preauth', address)
        self.assertTrue(d.line().startswith(b'* PREAUTH'))
        return d

    def ok(self, d, command):
        answer = d.imap('a', command)
        self.assertIn(b'a OK', answer, command)
        return answer

    def no(self, d, command, code):
        """code: how the answer's code begins."""
        answer = d.imap('a', command)
        self.assertIn(b'a NO [' + code, answer, command)
        return answer
