/* The exit codes of all programs (sysexits); see the EXIT STATUS sections. */
#ifndef M3_BASE_EXITS_H
#define M3_BASE_EXITS_H

enum {
	EXIT_OK        = 0,  /* the session ended, whatever the peer did */
	EXIT_FAILED    = 1,  /* m3mta: the command did not do what was asked */
	EXIT_USAGE     = 64,
	EXIT_BUG       = 70,
	EXIT_TEMPORARY = 75, /* database, DNS, memory */
	EXIT_CONFIG    = 78,
};

#endif
