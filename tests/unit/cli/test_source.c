/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "client/cli/import_file.h"
#include "tests/lib/test.h"

enum {
    ROWS = 5000,
};

struct counted {
    uint64_t rows;
};

static bool count_row(void *context, const struct csv_row *row)
{
    (void)row;
    ((struct counted *)context)->rows++;
    return true;
}

static bool no_bad_row(void *context, uint64_t line, const char *reason)
{
    (void)context;
    test_fail(__FILE__, __LINE__, "line %" PRIu64 ": %s", line, reason);
}

static enum status read_file(const char *path, char *digest, uint64_t *out_rows,
                             struct problem *problem)
{
    struct counted counted = {0};
    struct csv_callbacks callbacks = {
        .row = count_row, .bad = no_bad_row, .context = &counted};
    enum status status = import_file_read(path, &callbacks, digest, problem);
    *out_rows = counted.rows;
    return status;
}

/* Writes rows.csv and packs it with a program; the path of the packed file. */
static const char *packed(const char *folder, const char *program, const char *suffix)
{
    static char path[512];
    char command[1200];
    FILE *file;
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    file = fopen(path, "w");
    EXPECT(file != NULL);
    for (int i = 0; i < ROWS; i++) {
        fprintf(file, "%d,\"row number %d\",%d\n", i, i * 7919 % 1000, i % 13);
    }
    fclose(file);
    if (program[0] != '\0') {
        snprintf(command, sizeof command, "%s -c %s > %s%s", program, path, path, suffix);
        EXPECT_EQ(system(command), 0);
        snprintf(path, sizeof path, "%s/rows.csv%s", folder, suffix);
    }
    return path;
}

TEST(source, a_files_identity_is_its_content_whatever_packs_it)
{
    const char *folder = test_folder();
    char plain[SOURCE_DIGEST_TEXT_BYTES + 1], other[SOURCE_DIGEST_TEXT_BYTES + 1];
    struct problem problem;
    uint64_t rows = 0;
    EXPECT_OK(read_file(packed(folder, "", ""), plain, &rows, &problem));
    EXPECT_EQ(rows, ROWS);
    EXPECT_OK(read_file(packed(folder, "xz", ".xz"), other, &rows, &problem));
    EXPECT_EQ(rows, ROWS);
    EXPECT_STRING(other, plain);
    EXPECT_OK(read_file(packed(folder, "gzip", ".gz"), other, &rows, &problem));
    EXPECT_STRING(other, plain);
}

TEST(source, a_compressed_file_that_ends_early_is_refused)
{
    static const char *const packers[][2] = {{"xz", ".xz"}, {"gzip", ".gz"}};
    const char *folder = test_folder();
    for (size_t i = 0; i < 2; i++) {
        const char *path = packed(folder, packers[i][0], packers[i][1]);
        char digest[SOURCE_DIGEST_TEXT_BYTES + 1];
        struct problem problem;
        uint64_t rows = 0;
        EXPECT_EQ(truncate(path, 3000), 0);
        EXPECT_STATUS(read_file(path, digest, &rows, &problem), STATUS_CHECKSUM);
        EXPECT(strlen(problem.message) > 0);
        EXPECT(rows < ROWS);
    }
}

TEST(source, a_file_that_is_not_there_says_so)
{
    char digest[SOURCE_DIGEST_TEXT_BYTES + 1];
    struct problem problem;
    uint64_t rows = 0;
    EXPECT_STATUS(read_file("/nonexistent/rows.csv", digest, &rows, &problem),
                  STATUS_NOT_FOUND);
    EXPECT(strstr(problem.message, "No such file") != NULL);
}

TEST(source, what_is_no_file_or_no_utf8_is_called_so)
{
    static const struct {
        const char *bytes;
        size_t size;
    } wide[] = {{"\xff\xfe"
                 "a\0,\0",
                 6},
                {"\xfe\xff"
                 "\0a\0,",
                 6},
                {"a\0,\0", 4},
                {"\0a\0,", 4}};
    const char *folder = test_folder();
    char path[512], digest[SOURCE_DIGEST_TEXT_BYTES + 1];
    struct problem problem;
    uint64_t rows = 0;
    EXPECT_STATUS(read_file(folder, digest, &rows, &problem), STATUS_IO);
    EXPECT(strstr(problem.message, "folder") != NULL);
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        FILE *file;
        snprintf(path, sizeof path, "%s/wide.csv", folder);
        file = fopen(path, "w");
        EXPECT_EQ(fwrite(wide[i].bytes, 1, wide[i].size, file), wide[i].size);
        fclose(file);
        EXPECT_STATUS(read_file(path, digest, &rows, &problem), STATUS_INVALID);
        EXPECT(strstr(problem.message, "iconv") != NULL);
    }
}

TEST(source, an_empty_file_has_no_rows_and_the_digest_of_nothing)
{
    const char *folder = test_folder();
    char path[512], digest[SOURCE_DIGEST_TEXT_BYTES + 1];
    struct problem problem;
    uint64_t rows = 1;
    FILE *file;
    snprintf(path, sizeof path, "%s/empty.csv", folder);
    file = fopen(path, "w");
    EXPECT(file != NULL);
    fclose(file);
    EXPECT_OK(read_file(path, digest, &rows, &problem));
    EXPECT_EQ(rows, 0);
    EXPECT_STRING(digest,
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
