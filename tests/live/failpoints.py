"""mongod's own fail points (failCommand), on a mongod of the test's own: they
hold for all of a server."""
import contextlib
import socket

import harness

# Errors that a failover or a busy server gives.
ERRORS = (11602,    # InterruptedDueToReplStateChange
          91,       # ShutdownInProgress
          189,      # PrimarySteppedDown
          8000)     # AtlasError: what stands for all the others
UNKNOWN = 'UnknownTransactionCommitResult'


class FailpointTest(harness.OwnMongod, harness.LiveTest):
    """Tests with mongod's fail points, which are all off between two."""

    def tearDown(self):
        self.pass_all()

    def configure(self, mode, **data):
        self.server.client.admin.command(
            {'configureFailPoint': 'failCommand', 'mode': mode, 'data': data})

    def fail(self, commands, times=None, skip=0, program=None, **data):
        """`times` of these commands; or all after `skip` of them. data: errorCode, errorLabels, closeConnection, blockConnection,
        blockTimeMS, writeConcernError. program: of these processes alone."""
        if program:
            data['appName'] = program
        mode = {'times': times} if times else {'skip': skip}
        self.configure(mode, failCommands=list(commands), **data)

    def pass_all(self):
        """How often something was failed."""
        return self.server.client.admin.command(
            {'configureFailPoint': 'failCommand', 'mode': 'off'})['count']

    @contextlib.contextmanager
    def failing(self, commands, **data):
        self.fail(commands, **data)
        try:
            yield
        finally:
            self.pass_all()

    def is_silent(self, dialog, seconds):
        """Nothing comes from the program for so long."""
        dialog.sock.settimeout(seconds)
        try:
            return not dialog.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            dialog.sock.settimeout(90)
