/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/roster.h"

#include <stdio.h>

#include "shard/base/encode.h"

enum {
    ROSTER_CHECKSUM_AT = 1,
    ROSTER_COVERED_AT = 9,
    ROSTER_CHECKSUM_SEED = 0x726f7374, /* "rost" */
};

void roster_encode(uint16_t peer_port, const struct directory *directory,
                   struct buffer *out)
{
    struct buffer bytes;
    size_t start = out->size;
    encode_u8(out, ROSTER_VERSION);
    encode_le64(out, 0);
    encode_varint(out, peer_port);
    buffer_init(&bytes);
    directory_encode(directory, &bytes);
    encode_bytes(out, buffer_slice(&bytes));
    buffer_close(&bytes);
    struct slice covered = slice_of(out->data + start + ROSTER_COVERED_AT,
                                    out->size - start - ROSTER_COVERED_AT);
    store_le64(out->data + start + ROSTER_CHECKSUM_AT,
               hash64(covered, ROSTER_CHECKSUM_SEED));
}

enum status roster_decode(struct slice bytes, uint16_t *out_peer_port,
                          struct directory *out_directory)
{
    struct reader reader;
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    uint64_t checksum = read_le64(&reader);
    if (reader.failed || version == 0) {
        return STATUS_CHECKSUM;
    }
    if (version > ROSTER_VERSION) {
        return STATUS_VERSION;
    }
    if (checksum !=
        hash64(slice_of(reader.next, reader_left(&reader)), ROSTER_CHECKSUM_SEED)) {
        return STATUS_CHECKSUM;
    }
    uint64_t port = read_varint(&reader);
    struct slice directory = read_bytes(&reader);
    TRY(reader_finish(&reader));
    if (port > UINT16_MAX) {
        return STATUS_CHECKSUM;
    }
    TRY(directory_decode(directory, out_directory));
    *out_peer_port = (uint16_t)port;
    return STATUS_OK;
}

/* All of a file; NOT_FOUND, CHECKSUM: it is larger than it can be. */
static enum status roster_load(struct file_system *fs, const char *dir, const char *name,
                               struct buffer *out)
{
    char path[FILE_PATH_BYTES_MAX];
    struct file *file;
    uint64_t size;
    size_t got = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    TRY(file_system_open(fs, path, FILE_OPEN_READ, &file));
    enum status status = file_size(file, &size);
    if (status == STATUS_OK && size > ROSTER_BYTES_MAX) {
        status = STATUS_CHECKSUM;
    }
    if (status == STATUS_OK) {
        status = file_read(file, 0, buffer_extend(out, (size_t)size), (size_t)size, &got);
        out->size = got;
    }
    file_close(file);
    return status;
}

enum status roster_read(struct file_system *fs, const char *dir, uint16_t *out_peer_port,
                        struct directory *out_directory)
{
    struct buffer bytes;
    buffer_init(&bytes);
    enum status status = roster_load(fs, dir, ROSTER_NAME, &bytes);
    if (status == STATUS_OK) {
        status = roster_decode(buffer_slice(&bytes), out_peer_port, out_directory);
    }
    buffer_close(&bytes);
    return status;
}

enum status roster_write(struct file_system *fs, const char *dir, uint16_t peer_port,
                         const struct directory *directory)
{
    struct buffer bytes;
    buffer_init(&bytes);
    roster_encode(peer_port, directory, &bytes);
    enum status status = file_system_replace(fs, dir, ROSTER_NAME, buffer_slice(&bytes));
    buffer_close(&bytes);
    return status;
}

/* --- The nonce of joining ------------------------------------------------------------ */

void roster_encode_nonce(struct hash128 nonce, uint8_t out[static ROSTER_NONCE_BYTES])
{
    out[0] = ROSTER_NONCE_VERSION;
    store_le64(out + ROSTER_COVERED_AT, nonce.high);
    store_le64(out + ROSTER_COVERED_AT + 8, nonce.low);
    store_le64(out + ROSTER_CHECKSUM_AT,
               hash64(slice_of(out + ROSTER_COVERED_AT, 16), ROSTER_CHECKSUM_SEED));
}

enum status roster_decode_nonce(struct slice bytes, struct hash128 *out_nonce)
{
    if (bytes.size > 0 && bytes.data[0] > ROSTER_NONCE_VERSION) {
        return STATUS_VERSION;
    }
    if (bytes.size != ROSTER_NONCE_BYTES || bytes.data[0] != ROSTER_NONCE_VERSION ||
        load_le64(bytes.data + ROSTER_CHECKSUM_AT) !=
            hash64(slice_of(bytes.data + ROSTER_COVERED_AT, 16), ROSTER_CHECKSUM_SEED)) {
        return STATUS_CHECKSUM;
    }
    out_nonce->high = load_le64(bytes.data + ROSTER_COVERED_AT);
    out_nonce->low = load_le64(bytes.data + ROSTER_COVERED_AT + 8);
    return STATUS_OK;
}

enum status roster_keep_nonce(struct file_system *fs, const char *dir,
                              struct hash128 drawn, struct hash128 *out_nonce)
{
    uint8_t fresh[ROSTER_NONCE_BYTES];
    struct buffer bytes;
    buffer_init(&bytes);
    enum status status = roster_load(fs, dir, ROSTER_NONCE_NAME, &bytes);
    if (status == STATUS_OK) {
        status = roster_decode_nonce(buffer_slice(&bytes), out_nonce);
    } else if (status == STATUS_NOT_FOUND) {
        *out_nonce = drawn;
        roster_encode_nonce(drawn, fresh);
        status = file_system_ensure_folder(fs, dir);
        if (status == STATUS_OK) {
            status = file_system_replace(fs, dir, ROSTER_NONCE_NAME,
                                         slice_of(fresh, sizeof fresh));
        }
    }
    buffer_close(&bytes);
    return status;
}

enum status roster_drop_nonce(struct file_system *fs, const char *dir)
{
    char path[FILE_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, ROSTER_NONCE_NAME);
    enum status status = file_system_remove(fs, path);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
