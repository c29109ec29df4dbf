"""The dialogs of the other IMAP modules, which start a process for each of
their connections (as from inetd), with the listener that forks."""
import unittest

import test_imap_catenate
import test_imap_dialog
import test_imap_ext
import test_imap_metadata
import test_imap_notify
import test_imap_quota
import test_imap_rev2
import test_imap_sort
from harness import Dialog


class Listener:
    """In front of a class of another module: its processes for one
    connection become connections to a listener with the same options."""

    def dialog(self, program, *options, **how):
        key = (program, options)
        ports = self.__class__.__dict__.get('ports')
        if ports is None:
            ports = self.__class__.ports = {}
        if key not in ports:
            ports[key] = self.system.serve(
                program, 'imap' if program == 'm3mta-imap' else 'smtp',
                options=options)
        d = Dialog(self.system, None, port=ports[key], **how)
        self.addCleanup(d.close)
        return d


class BatchesByTheListener(Listener, test_imap_rev2.Batches):
    pass


class CatenateByTheListener(Listener, test_imap_catenate.Catenate):
    pass


class DialogsByTheListener(Listener, test_imap_dialog.Dialogs):
    pass


class ExtensionsByTheListener(Listener, test_imap_ext.Extensions):
    pass


class FirstUnseenByTheListener(Listener, test_imap_rev2.FirstUnseen):
    pass


class MetadataByTheListener(Listener, test_imap_metadata.Dialogs):
    pass


class NotifyByTheListener(Listener, test_imap_notify.Notify):
    pass


class QuotaByTheListener(Listener, test_imap_quota.Dialogs):
    pass


class SortByTheListener(Listener, test_imap_sort.Sort):
    pass


if __name__ == '__main__':
    unittest.main()
