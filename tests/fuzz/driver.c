/*
 * main of the fuzz targets without libFuzzer: `fuzz_NAME FILE|FOLDER ...`
 * gives every file to the target once. A broken property aborts; the last
 * line of stderr then names the file.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "base/banned.h"

static size_t inputs;

/* The target gets an exact copy, so that a sanitizer sees its ends. */
static void
play_file(const char *path)
{
	FILE *f = fopen(path, "re");
	struct buf b = BUF_INIT;
	uint8_t *copy;
	size_t n;

	fprintf(stderr, "%s\n", path);
	CHECK(f != NULL);
	do {
		buf_reserve(&b, 4096);
		n = fread(b.p + b.len, 1, 4096, f);
		b.len += n;
	} while (n > 0);
	fclose(f);
	copy = mem_alloc(b.len);
	if (b.len)
		memcpy(copy, b.p, b.len);
	LLVMFuzzerTestOneInput(copy, b.len);
	mem_free(copy);
	buf_done(&b);
	inputs++;
}

static void
play(const char *path)
{
	struct dirent **names;
	struct stat st;
	char inner[4096];
	int i, n;

	CHECK(stat(path, &st) == 0);
	if (!S_ISDIR(st.st_mode)) {
		play_file(path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	CHECK(n >= 0);
	for (i = 0; i < n; i++) {
		snprintf(inner, sizeof(inner), "%s/%s", path,
		    names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			play_file(inner);
		free(names[i]);
	}
	free(names);
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		play(argv[i]);
	printf("%zu inputs\n", inputs);
	return inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
