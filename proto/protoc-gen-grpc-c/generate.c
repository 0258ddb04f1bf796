/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/protoc-gen-grpc-c/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/protoc-gen-grpc-c/names.h"
#include "proto/protoc-gen-grpc-c/template.h"
#include "shard/base/memory.h"

typedef Google__Protobuf__FileDescriptorProto file_type;
typedef Google__Protobuf__ServiceDescriptorProto service_type;
typedef Google__Protobuf__MethodDescriptorProto method_type;

enum kind {
    KIND_UNARY,
    KIND_SERVER_STREAM,
    KIND_CLIENT_STREAM,
    KIND_BIDI_STREAM,
    KIND_COUNT,
};

/*
 * Variables: F the file's symbol, f its path, H its pb-c header, h its own header;
 * S, s the service's C and proto names, c its number of methods; M the method's C prefix,
 * m its C name, n its proto name, Q and R its request and response types, q and r their
 * descriptors' prefixes.
 */
struct names_of_method {
    struct name prefix;
    struct name lower;
    struct name request;
    struct name response;
    struct name request_lower;
    struct name response_lower;
};

/* --- What the header says of a method --------------------------------------------------
 */

static const char HEADER_UNARY[] =
    "\n/* $n: unary. Server: answers the call. */\n"
    "void $M__reply(struct rpc_call *call, const $R *response);\n"
    "/* Client: `done` on the client's thread; response is NULL unless the status is OK. "
    "*/\n"
    "typedef void $M__done(struct rpc_client_call *call, const $R *response, void "
    "*user);\n"
    "void $M__call(struct rpc_channel *channel, const $Q *request,\n"
    "    const struct rpc_call_options *options, $M__done *done, void *user,\n"
    "    struct rpc_client_call **out_call);\n"
    "/* Client: blocks; `*out_call` owns the response and is always unref'd. */\n"
    "enum status $M__wait(struct rpc_channel *channel, const $Q *request,\n"
    "    const struct rpc_call_options *options, const $R **out_response,\n"
    "    struct rpc_client_call **out_call);\n";

static const char HEADER_CALLBACKS[] =
    "/* Client. */\n"
    "struct $M__callbacks {\n"
    "    void (*message)(struct rpc_stream *stream, const $R *message, void *user);\n"
    "    struct rpc_stream_events events;\n"
    "};\n";

static const char HEADER_SERVER_STREAM[] =
    "\n/* $n: server-streaming. Server. */\n"
    "struct $M__handler {\n"
    "    void (*open)(struct rpc_stream *stream, const $Q *request, void *context);\n"
    "    struct rpc_stream_events events;\n"
    "};\n"
    "enum status $M__send(struct rpc_stream *stream, const $R *message);\n";

static const char HEADER_CLIENT_STREAM[] =
    "\n/* $n: client-streaming. Server. */\n"
    "struct $M__handler {\n"
    "    void (*open)(struct rpc_stream *stream, void *context);\n"
    "    void (*message)(struct rpc_stream *stream, const $Q *message, void *user);\n"
    "    struct rpc_stream_events events;\n"
    "};\n"
    "void $M__reply(struct rpc_stream *stream, const $R *response);\n";

static const char HEADER_BIDI_STREAM[] =
    "\n/* $n: bidirectional. Server. */\n"
    "struct $M__handler {\n"
    "    void (*open)(struct rpc_stream *stream, void *context);\n"
    "    void (*message)(struct rpc_stream *stream, const $Q *message, void *user);\n"
    "    struct rpc_stream_events events;\n"
    "};\n"
    "enum status $M__send(struct rpc_stream *stream, const $R *message);\n";

static const char HEADER_OPEN_REQUEST[] =
    "struct rpc_stream *$M__open(struct rpc_channel *channel, const $Q *request,\n"
    "    const struct rpc_call_options *options,\n"
    "    const struct $M__callbacks *callbacks, void *user);\n";

static const char HEADER_OPEN[] =
    "struct rpc_stream *$M__open(struct rpc_channel *channel,\n"
    "    const struct rpc_call_options *options,\n"
    "    const struct $M__callbacks *callbacks, void *user);\n"
    "enum status $M__send_request(struct rpc_stream *stream, const $Q *message);\n";

static const char *const HEADER_PARTS[KIND_COUNT][3] = {
    [KIND_UNARY] = {HEADER_UNARY, "", ""},
    [KIND_SERVER_STREAM] = {HEADER_SERVER_STREAM, HEADER_CALLBACKS, HEADER_OPEN_REQUEST},
    [KIND_CLIENT_STREAM] = {HEADER_CLIENT_STREAM, HEADER_CALLBACKS, HEADER_OPEN},
    [KIND_BIDI_STREAM] = {HEADER_BIDI_STREAM, HEADER_CALLBACKS, HEADER_OPEN},
};

static const char *const HEADER_MEMBERS[KIND_COUNT] = {
    [KIND_UNARY] =
        "    void (*$m)(struct rpc_call *call, const $Q *request, void *context);\n",
    [KIND_SERVER_STREAM] = "    struct $M__handler $m;\n",
    [KIND_CLIENT_STREAM] = "    struct $M__handler $m;\n",
    [KIND_BIDI_STREAM] = "    struct $M__handler $m;\n",
};

/* --- What the source says of a method --------------------------------------------------
 */

static const char SOURCE_UNARY[] =
    "\nstatic bool $M__served(const void *handlers)\n"
    "{\n"
    "    return ((const struct $S__handlers *)handlers)->$m != NULL;\n"
    "}\n"
    "\nstatic void $M__serve(struct rpc_call *call, const ProtobufCMessage *request,\n"
    "    const void *handlers, void *context)\n"
    "{\n"
    "    ((const struct $S__handlers *)handlers)->$m(call, (const $Q *)request,\n"
    "        context);\n"
    "}\n"
    "\nvoid $M__reply(struct rpc_call *call, const $R *response)\n"
    "{\n"
    "    rpc_call_reply(call, &response->base);\n"
    "}\n"
    "\nstatic void $M__finish(struct rpc_client_call *call,\n"
    "    const ProtobufCMessage *response, rpc_function *done, void *user)\n"
    "{\n"
    "    (($M__done *)done)(call, (const $R *)response, user);\n"
    "}\n"
    "\nvoid $M__call(struct rpc_channel *channel, const $Q *request,\n"
    "    const struct rpc_call_options *options, $M__done *done, void *user,\n"
    "    struct rpc_client_call **out_call)\n"
    "{\n"
    "    const struct rpc_unary unary = {\n"
    "        .channel = channel, .method = &$S__methods[$i], .request = &request->base,\n"
    "        .options = options, .thunk = $M__finish, .done = (rpc_function *)done,\n"
    "        .user = user,\n"
    "    };\n"
    "    rpc_client_call_start(&unary, out_call);\n"
    "}\n"
    "\nenum status $M__wait(struct rpc_channel *channel, const $Q *request,\n"
    "    const struct rpc_call_options *options, const $R **out_response,\n"
    "    struct rpc_client_call **out_call)\n"
    "{\n"
    "    const ProtobufCMessage *response = NULL;\n"
    "    enum status status = rpc_client_call_wait(channel, &$S__methods[$i],\n"
    "        &request->base, options, &response, out_call);\n"
    "    if (status == STATUS_OK) {\n"
    "        *out_response = (const $R *)response;\n"
    "    }\n"
    "    return status;\n"
    "}\n";

static const char SOURCE_HANDLER[] =
    "\nstatic bool $M__served(const void *handlers)\n"
    "{\n"
    "    return ((const struct $S__handlers *)handlers)->$m.open != NULL;\n"
    "}\n"
    "\nstatic const struct rpc_stream_events *$M__events(const void *handlers)\n"
    "{\n"
    "    return &((const struct $S__handlers *)handlers)->$m.events;\n"
    "}\n";

static const char SOURCE_ACCEPT_REQUEST[] =
    "\nstatic void $M__accept(struct rpc_stream *stream,\n"
    "    const ProtobufCMessage *request, const void *handlers, void *context)\n"
    "{\n"
    "    ((const struct $S__handlers *)handlers)->$m.open(stream,\n"
    "        (const $Q *)request, context);\n"
    "}\n";

static const char SOURCE_ACCEPT[] =
    "\nstatic void $M__accept(struct rpc_stream *stream,\n"
    "    const ProtobufCMessage *request, const void *handlers, void *context)\n"
    "{\n"
    "    (void)request;\n"
    "    ((const struct $S__handlers *)handlers)->$m.open(stream, context);\n"
    "}\n"
    "\nstatic void $M__take(struct rpc_stream *stream, const ProtobufCMessage *message,\n"
    "    const void *handlers)\n"
    "{\n"
    "    ((const struct $S__handlers *)handlers)->$m.message(stream,\n"
    "        (const $Q *)message, rpc_stream_user(stream));\n"
    "}\n";

static const char SOURCE_SEND[] =
    "\nenum status $M__send(struct rpc_stream *stream, const $R *message)\n"
    "{\n"
    "    return rpc_stream_send(stream, &message->base);\n"
    "}\n";

static const char SOURCE_REPLY_STREAM[] =
    "\nvoid $M__reply(struct rpc_stream *stream, const $R *response)\n"
    "{\n"
    "    rpc_stream_reply(stream, &response->base);\n"
    "}\n";

static const char SOURCE_CALLBACKS[] =
    "\nstatic void $M__receive(struct rpc_stream *stream,\n"
    "    const ProtobufCMessage *message, const void *callbacks)\n"
    "{\n"
    "    ((const struct $M__callbacks *)callbacks)->message(stream,\n"
    "        (const $R *)message, rpc_stream_user(stream));\n"
    "}\n";

static const char SOURCE_OPEN_REQUEST[] =
    "\nstruct rpc_stream *$M__open(struct rpc_channel *channel, const $Q *request,\n"
    "    const struct rpc_call_options *options,\n"
    "    const struct $M__callbacks *callbacks, void *user)\n"
    "{\n"
    "    const struct rpc_opening opening = {\n"
    "        .channel = channel, .method = &$S__methods[$i], .request = &request->base,\n"
    "        .options = options, .message = $M__receive,\n"
    "        .events = &callbacks->events, .callbacks = callbacks, .user = user,\n"
    "    };\n"
    "    return rpc_client_stream_open(&opening);\n"
    "}\n";

static const char SOURCE_OPEN[] =
    "\nstruct rpc_stream *$M__open(struct rpc_channel *channel,\n"
    "    const struct rpc_call_options *options,\n"
    "    const struct $M__callbacks *callbacks, void *user)\n"
    "{\n"
    "    const struct rpc_opening opening = {\n"
    "        .channel = channel, .method = &$S__methods[$i],\n"
    "        .options = options, .message = $M__receive,\n"
    "        .events = &callbacks->events, .callbacks = callbacks, .user = user,\n"
    "    };\n"
    "    return rpc_client_stream_open(&opening);\n"
    "}\n"
    "\nenum status $M__send_request(struct rpc_stream *stream, const $Q *message)\n"
    "{\n"
    "    return rpc_stream_send(stream, &message->base);\n"
    "}\n";

static const char *const SOURCE_PARTS[KIND_COUNT][5] = {
    [KIND_UNARY] = {SOURCE_UNARY, "", "", "", ""},
    [KIND_SERVER_STREAM] = {SOURCE_HANDLER, SOURCE_ACCEPT_REQUEST, SOURCE_SEND,
                            SOURCE_CALLBACKS, SOURCE_OPEN_REQUEST},
    [KIND_CLIENT_STREAM] = {SOURCE_HANDLER, SOURCE_ACCEPT, SOURCE_REPLY_STREAM,
                            SOURCE_CALLBACKS, SOURCE_OPEN},
    [KIND_BIDI_STREAM] = {SOURCE_HANDLER, SOURCE_ACCEPT, SOURCE_SEND, SOURCE_CALLBACKS,
                          SOURCE_OPEN},
};

static const char METHOD_HEAD[] =
    "    {\n"
    "        .path = \"/$s/$n\", .kind = $k,\n"
    "        .request = &$q__descriptor, .response = &$r__descriptor,\n";

static const char *const METHOD_THUNKS[KIND_COUNT] = {
    [KIND_UNARY] = "        .thunk = {.served = $M__served, .unary = $M__serve},\n"
                   "    },\n",
    [KIND_SERVER_STREAM] = "        .thunk = {.served = $M__served,\n"
                           "            .open = $M__accept, .events = $M__events},\n"
                           "    },\n",
    [KIND_CLIENT_STREAM] = "        .thunk = {.served = $M__served,\n"
                           "            .open = $M__accept, .message = $M__take,\n"
                           "            .events = $M__events},\n"
                           "    },\n",
    [KIND_BIDI_STREAM] = "        .thunk = {.served = $M__served,\n"
                         "            .open = $M__accept, .message = $M__take,\n"
                         "            .events = $M__events},\n"
                         "    },\n",
};

static const char *const KIND_NAMES[KIND_COUNT] = {
    [KIND_UNARY] = "RPC_UNARY",
    [KIND_SERVER_STREAM] = "RPC_SERVER_STREAM",
    [KIND_CLIENT_STREAM] = "RPC_CLIENT_STREAM",
    [KIND_BIDI_STREAM] = "RPC_BIDI_STREAM",
};

/* --- Files, services -------------------------------------------------------------------
 */

static const char HEADER_TOP[] =
    "/* Generated by protoc-gen-grpc-c from $f; not to be edited. */\n"
    "#ifndef GRPC_C_$F_H\n"
    "#define GRPC_C_$F_H\n\n"
    "#include \"$H\"\n"
    "#include \"proto/rpc/rpc_method.h\"\n";

static const char HEADER_SERVICE_INCLUDES[] = "#include \"proto/rpc/rpc_call.h\"\n"
                                              "#include \"proto/rpc/rpc_client_call.h\"\n"
                                              "#include \"proto/rpc/rpc_server.h\"\n"
                                              "#include \"proto/rpc/rpc_stream.h\"\n";

static const char HEADER_FILE[] = "\n/* For server reflection. */\n"
                                  "extern const struct rpc_file rpc_file_$F;\n";

static const char HEADER_SERVICE[] = "\n/* --- $s --- */\n"
                                     "\nextern const struct rpc_service $S__service;\n";

static const char HEADER_HANDLERS[] =
    "\n/* What serves $s; a method whose handler is NULL answers\n"
    " * UNIMPLEMENTED. `context` is the pointer given to the register function. */\n"
    "struct $S__handlers {\n";

static const char HEADER_REGISTER[] =
    "};\n"
    "void $S__register(struct rpc_server *server,\n"
    "    const struct $S__handlers *handlers, void *context);\n";

static const char SOURCE_TOP[] =
    "/* Generated by protoc-gen-grpc-c from $f; not to be edited. */\n"
    "#include \"$h\"\n\n"
    "#include <stddef.h>\n\n";

static const char SOURCE_METHODS_DECLARED[] =
    "\nstatic const struct rpc_method $S__methods[$c];\n";

static const char SOURCE_REGISTER[] =
    "};\n"
    "\nconst struct rpc_service $S__service = {\n"
    "    .name = \"$s\",\n"
    "    .file = &rpc_file_$F,\n"
    "    .methods = $S__methods,\n"
    "    .method_count = $c,\n"
    "};\n"
    "\nvoid $S__register(struct rpc_server *server,\n"
    "    const struct $S__handlers *handlers, void *context)\n"
    "{\n"
    "    rpc_server_register(server, &$S__service, handlers, context);\n"
    "}\n";

static enum kind method_kind(const method_type *method)
{
    bool client = method->has_client_streaming && method->client_streaming;
    bool server = method->has_server_streaming && method->server_streaming;
    if (client) {
        return server ? KIND_BIDI_STREAM : KIND_CLIENT_STREAM;
    }
    return server ? KIND_SERVER_STREAM : KIND_UNARY;
}

static void variables_of_method(struct variables *variables,
                                struct names_of_method *names, const method_type *method)
{
    names->lower = name_lower(method->name);
    snprintf(names->prefix.text, sizeof names->prefix.text, "%.250s__%.250s",
             variables->values['S'], names->lower.text);
    names->request = name_of_type(method->input_type);
    names->response = name_of_type(method->output_type);
    names->request_lower = name_lower(method->input_type);
    names->response_lower = name_lower(method->output_type);
    variables->values['M'] = names->prefix.text;
    variables->values['m'] = names->lower.text;
    variables->values['n'] = method->name;
    variables->values['Q'] = names->request.text;
    variables->values['R'] = names->response.text;
    variables->values['q'] = names->request_lower.text;
    variables->values['r'] = names->response_lower.text;
    variables->values['k'] = KIND_NAMES[method_kind(method)];
}

static void header_service(struct buffer *out, const service_type *service,
                           struct variables *variables)
{
    struct names_of_method names;
    template_expand(out, HEADER_SERVICE, variables);
    for (size_t i = 0; i < service->n_method; i++) {
        const char *const *parts = HEADER_PARTS[method_kind(service->method[i])];
        variables_of_method(variables, &names, service->method[i]);
        for (size_t part = 0; part < 3; part++) {
            template_expand(out, parts[part], variables);
        }
    }
    template_expand(out, HEADER_HANDLERS, variables);
    for (size_t i = 0; i < service->n_method; i++) {
        variables_of_method(variables, &names, service->method[i]);
        template_expand(out, HEADER_MEMBERS[method_kind(service->method[i])], variables);
    }
    template_expand(out, HEADER_REGISTER, variables);
}

static void source_service(struct buffer *out, const service_type *service,
                           struct variables *variables)
{
    struct names_of_method names;
    char index[24];
    if (service->n_method > 0) {
        template_expand(out, SOURCE_METHODS_DECLARED, variables);
    }
    for (size_t i = 0; i < service->n_method; i++) {
        const char *const *parts = SOURCE_PARTS[method_kind(service->method[i])];
        variables_of_method(variables, &names, service->method[i]);
        snprintf(index, sizeof index, "%zu", i);
        variables->values['i'] = index;
        for (size_t part = 0; part < 5; part++) {
            template_expand(out, parts[part], variables);
        }
    }
    template_expand(out, "\nstatic const struct rpc_method $S__methods[$c] = {\n",
                    variables);
    for (size_t i = 0; i < service->n_method; i++) {
        variables_of_method(variables, &names, service->method[i]);
        template_expand(out, METHOD_HEAD, variables);
        template_expand(out, METHOD_THUNKS[method_kind(service->method[i])], variables);
    }
    template_expand(out, SOURCE_REGISTER, variables);
}

typedef void service_emitter(struct buffer *out, const service_type *service,
                             struct variables *variables);

static void each_service(struct buffer *out, const file_type *file,
                         struct variables *variables, service_emitter *emit)
{
    for (size_t i = 0; i < file->n_service; i++) {
        const service_type *service = file->service[i];
        char full[NAME_BYTES_MAX], count[24];
        struct name lower;
        if (service->n_method == 0) {
            continue; /* nothing to call or serve, and C has no empty structs */
        }
        snprintf(full, sizeof full, "%.250s%s%.250s", file->package ? file->package : "",
                 file->package ? "." : "", service->name);
        snprintf(count, sizeof count, "%zu", service->n_method);
        lower = name_lower(full);
        variables->values['S'] = lower.text;
        variables->values['s'] = full;
        variables->values['c'] = count;
        emit(out, service, variables);
    }
}

static bool file_has_methods(const file_type *file)
{
    for (size_t i = 0; i < file->n_service; i++) {
        if (file->service[i]->n_method > 0) {
            return true;
        }
    }
    return false;
}

void generate_header(struct buffer *out, const file_type *file)
{
    struct name symbol = name_of_file(file->name);
    struct name messages = name_of_output(file->name, ".pb-c.h");
    struct variables variables = {{0}};
    variables.values['F'] = symbol.text;
    variables.values['f'] = file->name;
    variables.values['H'] = messages.text;
    template_expand(out, HEADER_TOP, &variables);
    if (file_has_methods(file)) {
        template_expand(out, HEADER_SERVICE_INCLUDES, &variables);
    }
    template_expand(out, HEADER_FILE, &variables);
    each_service(out, file, &variables, header_service);
    template_expand(out, "\n#endif\n", &variables);
}

static void source_bytes(struct buffer *out, const file_type *file)
{
    size_t size = google__protobuf__file_descriptor_proto__get_packed_size(file);
    uint8_t *bytes = memory_alloc(size);
    char text[16];
    google__protobuf__file_descriptor_proto__pack(file, bytes);
    for (size_t i = 0; i < size; i++) {
        int length = snprintf(text, sizeof text, "%s0x%02x,", i % 16 == 0 ? "\n    " : "",
                              (unsigned)bytes[i]);
        buffer_append(out, text, (size_t)length);
    }
    free(bytes);
}

static void source_file(struct buffer *out, const file_type *file,
                        struct variables *variables)
{
    for (size_t i = 0; i < file->n_dependency; i++) {
        struct name import = name_of_file(file->dependency[i]);
        variables->values['x'] = import.text;
        template_expand(out, "extern const struct rpc_file rpc_file_$x;\n", variables);
    }
    template_expand(out, "\nstatic const uint8_t $F_bytes[] = {", variables);
    source_bytes(out, file);
    template_expand(out, "\n};\n\nstatic const struct rpc_file *const $F_imports[] = {\n",
                    variables);
    for (size_t i = 0; i < file->n_dependency; i++) {
        struct name import = name_of_file(file->dependency[i]);
        variables->values['x'] = import.text;
        template_expand(out, "    &rpc_file_$x,\n", variables);
    }
    template_expand(out,
                    "    NULL,\n};\n\n"
                    "const struct rpc_file rpc_file_$F = {\n"
                    "    .name = \"$f\",\n"
                    "    .descriptor = $F_bytes,\n"
                    "    .descriptor_size = sizeof $F_bytes,\n"
                    "    .imports = $F_imports,\n"
                    "};\n",
                    variables);
}

void generate_source(struct buffer *out, const file_type *file)
{
    struct name symbol = name_of_file(file->name);
    struct name header = name_of_output(file->name, ".grpc-c.h");
    struct variables variables = {{0}};
    variables.values['F'] = symbol.text;
    variables.values['f'] = file->name;
    variables.values['h'] = header.text;
    template_expand(out, SOURCE_TOP, &variables);
    source_file(out, file, &variables);
    each_service(out, file, &variables, source_service);
}
