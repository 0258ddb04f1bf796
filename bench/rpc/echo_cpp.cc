/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same echo on C++ gRPC's asynchronous API: one completion queue and one thread on
 * each side, the channel arguments of proto/rpc, the same windows and buffer hints.
 */
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/rpc/bench.grpc.pb.h"
#include "bench/rpc/bench_rpc.h"

using souk::bench::v1::EchoRequest;
using souk::bench::v1::EchoResponse;
using souk::bench::v1::EchoService;

namespace
{

struct Tag {
    virtual ~Tag() = default;
    virtual void Run(bool ok) = 0;
};

/* A tag that calls a member function of its owner. */
template <typename Owner> struct MemberTag : Tag {
    Owner *owner;
    void (Owner::*member)(bool);
    MemberTag(Owner *owner_, void (Owner::*member_)(bool))
        : owner(owner_), member(member_)
    {
    }
    void Run(bool ok) override
    {
        (owner->*member)(ok);
    }
};

void Drain(grpc::CompletionQueue *queue)
{
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
        static_cast<Tag *>(tag)->Run(ok);
    }
}

/* --- Server ---------------------------------------------------------------------------- */

EchoService::AsyncService service;
std::unique_ptr<grpc::ServerCompletionQueue> server_queue;
std::unique_ptr<grpc::Server> server;
std::thread server_thread;
std::atomic<bool> server_stopping{false};

class UnaryCall
{
  public:
    UnaryCall() : arrived_(this, &UnaryCall::Arrived), done_(this, &UnaryCall::Done)
    {
        service.RequestEcho(&context_, &request_, &responder_, server_queue.get(),
                            server_queue.get(), &arrived_);
    }

  private:
    void Arrived(bool ok)
    {
        if (!ok) {
            delete this;
            return;
        }
        if (!server_stopping) {
            new UnaryCall;
        }
        EchoResponse response;
        response.set_payload(request_.payload());
        responder_.Finish(response, grpc::Status::OK, &done_);
    }
    void Done(bool)
    {
        delete this;
    }

    grpc::ServerContext context_;
    EchoRequest request_;
    grpc::ServerAsyncResponseWriter<EchoResponse> responder_{&context_};
    MemberTag<UnaryCall> arrived_;
    MemberTag<UnaryCall> done_;
};

/* Reads and writes at the same time; what cannot be written yet waits in a queue. */
class ChatCall
{
  public:
    ChatCall()
        : arrived_(this, &ChatCall::Arrived), read_(this, &ChatCall::Read),
          written_(this, &ChatCall::Written), finished_(this, &ChatCall::Finished)
    {
        service.RequestChat(&context_, &stream_, server_queue.get(), server_queue.get(),
                            &arrived_);
    }

  private:
    void Arrived(bool ok)
    {
        if (!ok) {
            delete this;
            return;
        }
        if (!server_stopping) {
            new ChatCall;
        }
        stream_.Read(&request_, &read_);
    }
    void Read(bool ok)
    {
        if (!ok) {
            ended_ = true;
            FinishWhenIdle();
            return;
        }
        EchoResponse response;
        response.set_payload(request_.payload());
        queue_.push_back(std::move(response));
        WriteNext();
        stream_.Read(&request_, &read_);
    }
    void WriteNext()
    {
        if (writing_ || queue_.empty()) {
            return;
        }
        writing_ = true;
        grpc::WriteOptions options;
        if (queue_.size() > 1) {
            options.set_buffer_hint();
        }
        stream_.Write(queue_.front(), options, &written_);
        queue_.pop_front();
    }
    void Written(bool ok)
    {
        writing_ = false;
        if (ok) {
            WriteNext();
        }
        FinishWhenIdle();
    }
    void FinishWhenIdle()
    {
        if (ended_ && !writing_) {
            stream_.Finish(grpc::Status::OK, &finished_);
        }
    }
    void Finished(bool)
    {
        delete this;
    }

    grpc::ServerContext context_;
    grpc::ServerAsyncReaderWriter<EchoResponse, EchoRequest> stream_{&context_};
    EchoRequest request_;
    std::deque<EchoResponse> queue_;
    bool writing_ = false;
    bool ended_ = false;
    MemberTag<ChatCall> arrived_;
    MemberTag<ChatCall> read_;
    MemberTag<ChatCall> written_;
    MemberTag<ChatCall> finished_;
};

/* --- Client ---------------------------------------------------------------------------- */

grpc::CompletionQueue *client_queue;
std::unique_ptr<EchoService::Stub> stub;
std::thread client_thread;
std::atomic<bool> client_stopping{false};
std::atomic<unsigned> open_calls{0};
EchoRequest client_request;

class ClientCall
{
  public:
    ClientCall() : done_(this, &ClientCall::Done)
    {
        context_.set_wait_for_ready(true);
        context_.set_deadline(std::chrono::system_clock::now() +
                              std::chrono::seconds(10));
        started_us_ = bench_now_us();
        reader_ = stub->AsyncEcho(&context_, client_request, client_queue);
        reader_->Finish(&response_, &status_, &done_);
    }

  private:
    void Done(bool)
    {
        bench_answered(bench_now_us() - started_us_);
        if (client_stopping) {
            open_calls--;
        } else {
            new ClientCall;
        }
        delete this;
    }

    grpc::ClientContext context_;
    EchoResponse response_;
    grpc::Status status_;
    uint64_t started_us_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<EchoResponse>> reader_;
    MemberTag<ClientCall> done_;
};

class ClientChat
{
  public:
    explicit ClientChat(unsigned window)
        : started_us_(window), wanted_(window), opened_(this, &ClientChat::Opened),
          read_(this, &ClientChat::Read), written_(this, &ClientChat::Written),
          finished_(this, &ClientChat::Finished)
    {
        context_.set_wait_for_ready(true);
        stream_ = stub->AsyncChat(&context_, client_queue, &opened_);
    }

  private:
    void Opened(bool)
    {
        stream_->Read(&response_, &read_);
        WriteNext();
    }
    void WriteNext()
    {
        if (writing_) {
            return;
        }
        if (wanted_ == 0) {
            if (client_stopping && !closed_) {
                closed_ = true;
                writing_ = true;
                stream_->WritesDone(&written_);
            }
            return;
        }
        writing_ = true;
        wanted_--;
        grpc::WriteOptions options;
        if (wanted_ > 0) {
            options.set_buffer_hint();
        }
        started_us_[tail_] = bench_now_us();
        tail_ = (tail_ + 1) % started_us_.size();
        stream_->Write(client_request, options, &written_);
    }
    void Written(bool)
    {
        writing_ = false;
        WriteNext();
    }
    void Read(bool ok)
    {
        if (!ok) {
            stream_->Finish(&status_, &finished_);
            return;
        }
        bench_answered(bench_now_us() - started_us_[head_]);
        head_ = (head_ + 1) % started_us_.size();
        if (!client_stopping) {
            wanted_++;
        }
        WriteNext();
        stream_->Read(&response_, &read_);
    }
    void Finished(bool)
    {
        open_calls--;
        delete this;
    }

    grpc::ClientContext context_;
    EchoResponse response_;
    grpc::Status status_;
    std::vector<uint64_t> started_us_;
    unsigned wanted_;
    size_t head_ = 0;
    size_t tail_ = 0;
    bool writing_ = false;
    bool closed_ = false;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<EchoRequest, EchoResponse>> stream_;
    MemberTag<ClientChat> opened_;
    MemberTag<ClientChat> read_;
    MemberTag<ClientChat> written_;
    MemberTag<ClientChat> finished_;
};

} // namespace

uint16_t bench_server_start(uint16_t port)
{
    int bound = 0;
    grpc::ServerBuilder builder;
    grpc::ResourceQuota quota("souk");
    quota.Resize(256 << 20);
    builder.SetResourceQuota(quota);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
                               BENCH_MESSAGE_MAX_BYTES);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, BENCH_METADATA_MAX_BYTES);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, BENCH_STREAMS_MAX);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               5000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 10);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port),
                             grpc::InsecureServerCredentials(), &bound);
    builder.RegisterService(&service);
    server_queue = builder.AddCompletionQueue();
    server = builder.BuildAndStart();
    for (int i = 0; i < BENCH_ARMED_CALLS; i++) {
        new UnaryCall;
    }
    new ChatCall;
    server_thread = std::thread([] { Drain(server_queue.get()); });
    return static_cast<uint16_t>(bound);
}

void bench_server_stop(void)
{
    server_stopping = true;
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    server_queue->Shutdown();
    server_thread.join();
}

void bench_client_start(const struct bench_options *options, const char *target)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
    arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, BENCH_MESSAGE_MAX_BYTES);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    client_queue = new grpc::CompletionQueue;
    stub = EchoService::NewStub(
        grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
    client_request.set_payload(std::string(options->size, '\0'));
    if (options->bidi) {
        for (unsigned i = 0; i < options->streams; i++) {
            open_calls++;
            new ClientChat(options->in_flight / options->streams);
        }
    } else {
        for (unsigned i = 0; i < options->in_flight; i++) {
            open_calls++;
            new ClientCall;
        }
    }
    client_thread = std::thread([] { Drain(client_queue); });
}

void bench_client_stop(void)
{
    client_stopping = true;
    while (open_calls > 0) {
        usleep(1000);
    }
    client_queue->Shutdown();
    client_thread.join();
    stub.reset();
    delete client_queue;
}
