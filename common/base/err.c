/* Error values; see err.h. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/banned.h"

static void
replace_controls(char *text)
{
	for (; *text; text++) {
		if (ascii_is_cntl(*text))
			*text = '?';
	}
}

enum rc
err_set(struct err *err, enum rc rc, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	err->rc = rc;
	snprintf(err->code, sizeof(err->code), "%s", code ? code : "");
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	replace_controls(err->text);
	return rc;
}

void
err_prefix(struct err *err, const char *fmt, ...)
{
	char old[ERR_TEXT_SIZE];
	va_list ap;
	size_t len;

	if (!err)
		return;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", old);
	replace_controls(err->text);
}
