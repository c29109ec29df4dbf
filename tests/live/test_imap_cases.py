"""What must hold of IMAP, rule by rule, then what real clients do: each line
of the cases against the real binary, in both process forms: a process for
the connection (as from inetd) and the listener that forks. The table says
which test shows a line; those of other modules are run in the second form
by test_imap_forms.

rule/line                                      shown by
1  octets, sizes, <partial>                    test_octets, test_roundtrip
1  50 MB in bounded memory                     test_big_append, test_roundtrip
2  uids rise, UIDNEXT, no message missed       test_writers, test_many,
                                               imap_model, db_check
2  UIDVALIDITY grows                           test_uidvalidity
3  numbers stand still                         test_numbers_stand_still,
                                               test_imap_dialog
3  EXISTS after own APPEND, COPY, MOVE         test_own_changes
3  a message that others expunged              test_expunged_by_others
4  flags: case, limit, \\*, FLAGS before use    test_flags, test_imap_dialog
4  \\Recent in one session                      test_recent
4  two sessions lose no flag, .SILENT          test_flags_of_two,
                                               test_imap_dialog
5  APPENDUID, COPYUID, COPYUID before EXPUNGE  test_imap_dialog
5  all or nothing, quota included              test_all_or_nothing
6  CONDSTORE, QRESYNC                          test_condstore, test_imap_ext,
                                               imap_model
7  LIST in full                                test_list, test_list_status,
                                               test_names, test_imap_dialog
8  SEARCH in full                              test_search_keys,
                                               test_search_returns,
                                               test_search_dates,
                                               test_imap_dialog
8  SORT, THREAD                                test_imap_sort
9  ENVELOPE, BODYSTRUCTURE                     test_compare_imap
10 IDLE                                        test_idle, test_idle_elsewhere,
                                               test_idle_ends, test_notify
11 literals, blank lines, blanks               test_literals, test_blanks,
                                               test_imap_bad_input
12 any answer brings what changed              test_any_answer
12 mongod gone                                 test_imap_away
iOS and macOS Mail                             test_apple_mail
Outlook                                        test_outlook
Thunderbird                                    test_thunderbird
K-9                                            test_k9
mbsync, offlineimap, imapsync, interimap       test_syncers, test_roundtrip,
                                               test_interop_sync
Roundcube, Nextcloud, neomutt                  test_webmail, test_neomutt
"""
import unittest

from imap_cases import CaseTest
from imap_cases_clients import ClientRules
from imap_cases_search import SearchRules
from imap_cases_store import StoreRules


class Cases(StoreRules, SearchRules, ClientRules, CaseTest):
    """The form in which each connection is a process of its own."""
    form = 'inetd'


class CasesOfTheListener(Cases):
    """The listener that forks a child for each connection."""
    form = 'fork'


if __name__ == '__main__':
    unittest.main()
