/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "client/cli/cli.h"
#include "tests/lib/test.h"

static bool confirms(const char *typed, char *talk, size_t talk_size)
{
    FILE *in = tmpfile();
    FILE *out = tmpfile();
    EXPECT(in != NULL && out != NULL);
    fputs(typed, in);
    rewind(in);
    bool answer = cli_confirms(in, out, "Erase it?");
    rewind(out);
    size_t size = fread(talk, 1, talk_size - 1, out);
    talk[size] = '\0';
    fclose(in);
    fclose(out);
    return answer;
}

TEST(confirm, takes_a_clear_yes_for_a_yes)
{
    char talk[64];
    EXPECT(confirms("y\n", talk, sizeof talk));
    EXPECT_STRING(talk, "Erase it? [y/N] ");
    EXPECT(confirms("Y\n", talk, sizeof talk));
    EXPECT(confirms("yes\r\n", talk, sizeof talk));
    EXPECT(confirms("y", talk, sizeof talk));
}

TEST(confirm, takes_anything_else_and_silence_for_a_no)
{
    static const char *const answers[] = {"",
                                          "\n",
                                          "n\n",
                                          "no\n",
                                          "yy\n",
                                          " y\n",
                                          "yesyesyesyesyesyesyes\n",
                                          "yes please\n"};
    char talk[64];
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        EXPECT(!confirms(answers[i], talk, sizeof talk));
    }
}
