// The service of bench.proto on gRPC C++, with its callback API: PORT [CERTIFICATE KEY].
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "bench.grpc.pb.h"

namespace {

std::string contents(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Source final : public grpc::ServerWriteReactor<bench::Chunk> {
 public:
  explicit Source(const bench::SourceRequest& request) : left_(request.chunks()) {
    chunk_.set_data(std::string(request.chunk_bytes(), 'x'));
    next();
  }
  void OnWriteDone(bool ok) override { ok ? next() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void next() {
    if (left_-- > 0) {
      StartWrite(&chunk_);
    } else {
      Finish(grpc::Status::OK);
    }
  }
  bench::Chunk chunk_;
  int left_;
};

class Sink final : public grpc::ServerReadReactor<bench::Chunk> {
 public:
  explicit Sink(bench::SinkResponse* total) : total_(total) { StartRead(&chunk_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    total_->set_chunks(total_->chunks() + 1);
    total_->set_bytes(total_->bytes() + static_cast<int64_t>(chunk_.data().size()));
    StartRead(&chunk_);
  }
  void OnDone() override { delete this; }

 private:
  bench::SinkResponse* total_;
  bench::Chunk chunk_;
};

class Echo final : public grpc::ServerBidiReactor<bench::Chunk, bench::Chunk> {
 public:
  Echo() { StartRead(&chunk_); }
  void OnReadDone(bool ok) override { ok ? StartWrite(&chunk_) : Finish(grpc::Status::OK); }
  void OnWriteDone(bool ok) override { ok ? StartRead(&chunk_) : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  bench::Chunk chunk_;
};

class Service final : public bench::Bench::CallbackService {
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context,
                                const bench::GetRequest* request,
                                bench::GetResponse* response) override {
    static const std::string ciphertext(60, '\xC3'), iv(12, '\xA5'), tag(16, '\x5A');
    response->set_id("0b6f1d5e-8c1a-4c0e-9d58-6f3f6f0c9a11");
    response->set_user_id(request->user_id());
    response->set_provider(request->provider());
    response->set_ciphertext(ciphertext);
    response->set_iv(iv);
    response->set_tag(tag);
    response->set_created_at(1763900000123LL);
    response->set_enabled(true);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerWriteReactor<bench::Chunk>* Source(grpc::CallbackServerContext*,
                                                 const bench::SourceRequest* request) override {
    return new ::Source(*request);
  }
  grpc::ServerReadReactor<bench::Chunk>* Sink(grpc::CallbackServerContext*,
                                              bench::SinkResponse* total) override {
    return new ::Sink(total);
  }
  grpc::ServerBidiReactor<bench::Chunk, bench::Chunk>* Echo(
      grpc::CallbackServerContext*) override {
    return new ::Echo();
  }
};

}  // namespace

int main(int count, char** words) {
  if (count != 2 && count != 4) {
    std::cerr << "usage: server PORT [CERTIFICATE KEY]\n";
    return 64;
  }
  auto credentials = grpc::InsecureServerCredentials();
  if (count == 4) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({contents(words[3]), contents(words[2])});
    credentials = grpc::SslServerCredentials(options);
  }
  Service service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("127.0.0.1:") + words[1], credentials);
  builder.RegisterService(&service);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  builder.BuildAndStart()->Wait();
}
