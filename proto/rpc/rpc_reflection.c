/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server reflection (github.com/grpc/grpc/blob/master/doc/server-reflection.md), v1 and
 * v1alpha. The two are the same bytes on the wire under two names, so one handler and one
 * set of message types serves both. Answers come from the descriptors that generated code
 * carries; a file is followed by everything it imports. Read-only after load: any thread.
 */
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1/reflection.grpc-c.h"
#include "grpc/reflection/v1alpha/reflection.grpc-c.h"
#include "proto/rpc/rpc_private.h"

typedef Google__Protobuf__FileDescriptorProto file_type;
typedef Google__Protobuf__DescriptorProto message_type;
typedef Google__Protobuf__EnumDescriptorProto enum_type;
typedef Google__Protobuf__FieldDescriptorProto field_type;
typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

enum {
    REFLECTION_FILES_MAX = 256,
    REFLECTION_NUMBERS_MAX = 256, /* extensions of one type */
};

struct reflection_file {
    const struct rpc_file *file;
    file_type *parsed;
};

struct rpc_reflection {
    struct rpc_server *server;
    struct reflection_file files[REFLECTION_FILES_MAX];
    size_t file_count;
    struct rpc_method alpha_method;
    struct rpc_service alpha_service;
};

/* --- Finding --------------------------------------------------------------------------- */

/* What is left of `symbol` behind "<scope>."; NULL when it is not inside. */
static const char *symbol_within(const char *symbol, const char *scope)
{
    size_t length = strlen(scope);
    if (length == 0) {
        return symbol;
    }
    if (strncmp(symbol, scope, length) != 0 || symbol[length] != '.') {
        return NULL;
    }
    return symbol + length + 1;
}

static bool enum_declares(const enum_type *type, const char *symbol)
{
    const char *inside = symbol_within(symbol, type->name);
    if (strcmp(type->name, symbol) == 0) {
        return true;
    }
    for (size_t i = 0; i < type->n_value; i++) {
        /* A value belongs to the scope around its enum; both spellings are asked for. */
        if (strcmp(type->value[i]->name, symbol) == 0 ||
            (inside != NULL && strcmp(type->value[i]->name, inside) == 0)) {
            return true;
        }
    }
    return false;
}

static bool fields_declare(field_type *const *fields, size_t count, const char *symbol)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i]->name, symbol) == 0) {
            return true;
        }
    }
    return false;
}

/* Recurses as deep as the messages of our own .proto files are nested. */
static bool message_declares(const message_type *type, const char *symbol)
{
    const char *inside = symbol_within(symbol, type->name);
    if (strcmp(type->name, symbol) == 0) {
        return true;
    }
    if (inside == NULL) {
        return false;
    }
    if (fields_declare(type->field, type->n_field, inside) ||
        fields_declare(type->extension, type->n_extension, inside)) {
        return true;
    }
    for (size_t i = 0; i < type->n_oneof_decl; i++) {
        if (strcmp(type->oneof_decl[i]->name, inside) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < type->n_enum_type; i++) {
        if (enum_declares(type->enum_type[i], inside)) {
            return true;
        }
    }
    for (size_t i = 0; i < type->n_nested_type; i++) {
        if (message_declares(type->nested_type[i], inside)) {
            return true;
        }
    }
    return false;
}

static bool service_declares(const Google__Protobuf__ServiceDescriptorProto *service,
                             const char *symbol)
{
    const char *inside = symbol_within(symbol, service->name);
    if (strcmp(service->name, symbol) == 0) {
        return true;
    }
    for (size_t i = 0; inside != NULL && i < service->n_method; i++) {
        if (strcmp(service->method[i]->name, inside) == 0) {
            return true;
        }
    }
    return false;
}

static bool file_declares(const file_type *file, const char *symbol)
{
    const char *inside = symbol_within(symbol, file->package ? file->package : "");
    if (inside == NULL) {
        return false;
    }
    for (size_t i = 0; i < file->n_service; i++) {
        if (service_declares(file->service[i], inside)) {
            return true;
        }
    }
    for (size_t i = 0; i < file->n_message_type; i++) {
        if (message_declares(file->message_type[i], inside)) {
            return true;
        }
    }
    for (size_t i = 0; i < file->n_enum_type; i++) {
        if (enum_declares(file->enum_type[i], inside)) {
            return true;
        }
    }
    return fields_declare(file->extension, file->n_extension, inside);
}

static const struct rpc_file *find_symbol(const struct rpc_reflection *reflection,
                                          const char *symbol)
{
    symbol += *symbol == '.';
    for (size_t i = 0; i < reflection->file_count; i++) {
        if (file_declares(reflection->files[i].parsed, symbol)) {
            return reflection->files[i].file;
        }
    }
    return NULL;
}

static const struct rpc_file *find_name(const struct rpc_reflection *reflection,
                                        const char *name)
{
    for (size_t i = 0; i < reflection->file_count; i++) {
        if (strcmp(reflection->files[i].file->name, name) == 0) {
            return reflection->files[i].file;
        }
    }
    return NULL;
}

struct numbers {
    int32_t values[REFLECTION_NUMBERS_MAX];
    size_t count;
};

static bool extends(const field_type *extension, const char *type)
{
    const char *extendee = extension->extendee ? extension->extendee : "";
    extendee += *extendee == '.';
    return strcmp(extendee, type + (*type == '.')) == 0;
}

static void collect_extensions(field_type *const *extensions, size_t count,
                               const char *type, struct numbers *numbers)
{
    for (size_t i = 0; i < count && numbers->count < REFLECTION_NUMBERS_MAX; i++) {
        if (extends(extensions[i], type)) {
            numbers->values[numbers->count++] = extensions[i]->number;
        }
    }
}

static void collect_nested(message_type *const *messages, size_t count, const char *type,
                           struct numbers *numbers)
{
    for (size_t i = 0; i < count; i++) {
        collect_extensions(messages[i]->extension, messages[i]->n_extension, type,
                           numbers);
        collect_nested(messages[i]->nested_type, messages[i]->n_nested_type, type,
                       numbers);
    }
}

static void file_extensions(const file_type *file, const char *type,
                            struct numbers *numbers)
{
    collect_extensions(file->extension, file->n_extension, type, numbers);
    collect_nested(file->message_type, file->n_message_type, type, numbers);
}

static const struct rpc_file *find_extension(const struct rpc_reflection *reflection,
                                             const char *type, int32_t number)
{
    for (size_t i = 0; i < reflection->file_count; i++) {
        struct numbers numbers = {.count = 0};
        file_extensions(reflection->files[i].parsed, type, &numbers);
        for (size_t n = 0; n < numbers.count; n++) {
            if (numbers.values[n] == number) {
                return reflection->files[i].file;
            }
        }
    }
    return NULL;
}

/* --- Answering ------------------------------------------------------------------------- */

/* The response under construction; what it points at lives until it is sent. */
struct answer {
    reflection_response response;
    Grpc__Reflection__V1__FileDescriptorResponse files;
    ProtobufCBinaryData bytes[REFLECTION_FILES_MAX];
    const struct rpc_file *listed[REFLECTION_FILES_MAX];
    Grpc__Reflection__V1__ListServiceResponse services;
    Grpc__Reflection__V1__ServiceResponse service[RPC_SERVER_SERVICES_MAX];
    Grpc__Reflection__V1__ServiceResponse *service_pointers[RPC_SERVER_SERVICES_MAX];
    Grpc__Reflection__V1__ExtensionNumberResponse extensions;
    struct numbers numbers;
    Grpc__Reflection__V1__ErrorResponse error;
};

static char *borrow(const char *text)
{
    union {
        const char *from;
        char *to;
    } pointer = {.from = text};
    return pointer.to;
}

static void answer_error(struct answer *answer, enum status_code code, const char *text)
{
    grpc__reflection__v1__error_response__init(&answer->error);
    answer->error.error_code = (int32_t)code;
    answer->error.error_message = borrow(text);
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    answer->response.error_response = &answer->error;
}

/* The file and, behind it, what it imports; each once. */
static void list_file(struct answer *answer, const struct rpc_file *file)
{
    union {
        const uint8_t *from;
        uint8_t *to;
    } bytes = {.from = file->descriptor};
    size_t count = answer->files.n_file_descriptor_proto;
    for (size_t i = 0; i < count; i++) {
        if (answer->listed[i] == file) {
            return;
        }
    }
    ASSERT(count < REFLECTION_FILES_MAX);
    answer->listed[count] = file;
    answer->bytes[count] = (ProtobufCBinaryData){file->descriptor_size, bytes.to};
    answer->files.n_file_descriptor_proto++;
    for (const struct rpc_file *const *import = file->imports; *import != NULL;
         import++) {
        list_file(answer, *import);
    }
}

static void answer_file(struct answer *answer, const struct rpc_file *file)
{
    if (file == NULL) {
        answer_error(answer, STATUS_CODE_NOT_FOUND,
                     "no such file or symbol is known here");
        return;
    }
    grpc__reflection__v1__file_descriptor_response__init(&answer->files);
    answer->files.file_descriptor_proto = answer->bytes;
    list_file(answer, file);
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    answer->response.file_descriptor_response = &answer->files;
}

static void answer_services(struct answer *answer, const struct rpc_server *server)
{
    grpc__reflection__v1__list_service_response__init(&answer->services);
    for (size_t i = 0; i < server->registration_count; i++) {
        grpc__reflection__v1__service_response__init(&answer->service[i]);
        answer->service[i].name = borrow(server->registrations[i].service->name);
        answer->service_pointers[i] = &answer->service[i];
    }
    answer->services.n_service = server->registration_count;
    answer->services.service = answer->service_pointers;
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    answer->response.list_services_response = &answer->services;
}

static void answer_numbers(struct answer *answer, const struct rpc_reflection *reflection,
                           const char *type)
{
    if (find_symbol(reflection, type) == NULL) {
        answer_error(answer, STATUS_CODE_NOT_FOUND, "no such type is known here");
        return;
    }
    answer->numbers.count = 0;
    for (size_t i = 0; i < reflection->file_count; i++) {
        file_extensions(reflection->files[i].parsed, type, &answer->numbers);
    }
    grpc__reflection__v1__extension_number_response__init(&answer->extensions);
    answer->extensions.base_type_name = borrow(type);
    answer->extensions.n_extension_number = answer->numbers.count;
    answer->extensions.extension_number = answer->numbers.values;
    answer->response.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    answer->response.all_extension_numbers_response = &answer->extensions;
}

static void answer_request(struct answer *answer, const struct rpc_reflection *reflection,
                           const reflection_request *request)
{
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(answer, find_name(reflection, request->file_by_filename));
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(answer, find_symbol(reflection, request->file_containing_symbol));
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        answer_file(answer,
                    find_extension(reflection,
                                   request->file_containing_extension->containing_type,
                                   request->file_containing_extension->extension_number));
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_numbers(answer, reflection, request->all_extension_numbers_of_type);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(answer, reflection->server);
        return;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET:
    default:
        answer_error(answer, STATUS_CODE_INVALID_ARGUMENT, "the request asks nothing");
        return;
    }
}

static void reflection_open(struct rpc_stream *stream, void *context)
{
    rpc_stream_set_user(stream, context);
}

static void reflection_message(struct rpc_stream *stream,
                               const reflection_request *request, void *user)
{
    struct answer *answer = memory_alloc(sizeof *answer);
    reflection_request echo = *request;
    enum status status;
    grpc__reflection__v1__server_reflection_response__init(&answer->response);
    answer->response.valid_host = echo.host;
    answer->response.original_request = &echo;
    answer_request(answer, user, request);
    status = rpc_stream_send(stream, &answer->response.base);
    free(answer);
    if (status == STATUS_OVERLOADED) {
        struct problem problem;
        problem_set(&problem, STATUS_OVERLOADED, "", "the answers are not read");
        rpc_stream_finish(stream, &problem);
    }
}

static void reflection_half_close(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

static void reflection_draining(struct rpc_stream *stream, void *user)
{
    struct problem problem;
    (void)user;
    problem_set(&problem, STATUS_DRAINING, "", "the server is stopping");
    rpc_stream_finish(stream, &problem);
}

static const struct grpc__reflection__v1__server_reflection__handlers HANDLERS = {
    .server_reflection_info =
        {
            .open = reflection_open,
            .message = reflection_message,
            .events = {.half_close = reflection_half_close,
                       .draining = reflection_draining},
        },
};

/* --- Life ------------------------------------------------------------------------------ */

struct rpc_reflection *rpc_reflection_new(struct rpc_server *server)
{
    struct rpc_reflection *reflection = memory_zalloc(sizeof *reflection);
    const struct rpc_service *alpha =
        &grpc__reflection__v1alpha__server_reflection__service;
    reflection->server = server;
    grpc__reflection__v1__server_reflection__register(server, &HANDLERS, reflection);
    ASSERT(alpha->method_count == 1);
    reflection->alpha_method =
        grpc__reflection__v1__server_reflection__service.methods[0];
    reflection->alpha_method.path = alpha->methods[0].path;
    reflection->alpha_service = *alpha;
    reflection->alpha_service.methods = &reflection->alpha_method;
    rpc_server_register(server, &reflection->alpha_service, &HANDLERS, reflection);
    return reflection;
}

static void load_file(struct rpc_reflection *reflection, const struct rpc_file *file)
{
    struct reflection_file *loaded;
    if (find_name(reflection, file->name) != NULL) {
        return;
    }
    ASSERT(reflection->file_count < REFLECTION_FILES_MAX);
    loaded = &reflection->files[reflection->file_count++];
    loaded->file = file;
    loaded->parsed = google__protobuf__file_descriptor_proto__unpack(
        NULL, file->descriptor_size, file->descriptor);
    ASSERT(loaded->parsed != NULL);
    for (const struct rpc_file *const *import = file->imports; *import != NULL;
         import++) {
        load_file(reflection, *import);
    }
}

void rpc_reflection_load(struct rpc_reflection *reflection)
{
    for (size_t i = 0; i < reflection->server->registration_count; i++) {
        load_file(reflection, reflection->server->registrations[i].service->file);
    }
}

void rpc_reflection_free(struct rpc_reflection *reflection)
{
    if (reflection == NULL) {
        return;
    }
    for (size_t i = 0; i < reflection->file_count; i++) {
        google__protobuf__file_descriptor_proto__free_unpacked(
            reflection->files[i].parsed, NULL);
    }
    free(reflection);
}
