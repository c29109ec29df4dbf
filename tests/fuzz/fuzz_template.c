/*
 * The wording of reports: a file is refused with its line, or each subject
 * is one line of ASCII, and each text comes out with CRLF, at its place
 * values that hold braces themselves.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "base/ascii.h"
#include "mail/report_text.h"
#include "text/utf8.h"
#include "base/banned.h"

static void
check_text(struct str text)
{
	const struct report_values v = { STR("mx.{queue}.example"),
		STR("{sender}"), STR("a{b}@c") };
	struct buf b = BUF_INIT;
	size_t i;

	report_text_add(&b, text, &v);
	for (i = 0; i < b.len; i++)
		CHECK(b.p[i] != '\n' || (i && b.p[i - 1] == '\r'));
	CHECK(utf8_is_valid(buf_str(&b)));
	buf_done(&b);
}

static void
read_file(struct arena *a, struct str path)
{
	struct report_texts t;
	struct err err = { .rc = RC_OK };
	size_t i, k;

	if (report_texts_read(a, path, &t, &err) != RC_OK) {
		CHECK(err.rc == RC_PERM && err.text[0]);
		return;
	}
	for (i = 0; i < REPORT_ACTIONS; i++) {
		for (k = 0; k < t.v[i].subject.len; k++)
			CHECK(!ascii_is_cntl(t.v[i].subject.p[k]) &&
			    !ascii_is_8bit(t.v[i].subject.p[k]));
		check_text(t.v[i].subject);
		check_text(t.v[i].text);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, data, size) == (ssize_t)size);
	read_file(a, arena_printf(a, "/proc/self/fd/%d", fd));
	close(fd);
	arena_free(a);
	return 0;
}
