"""An OpenTelemetry collector's OTLP receiver: grpcio with the messages of opentelemetry-proto.

Usage: otlp_collector.py take|refuse|refuse-half|hang
Prints a JSON object with its port, then one for each span that it is sent. `refuse` answers
RESOURCE_EXHAUSTED, `refuse-half` takes a batch and says that it refused half of it, `hang` answers
nothing for as long as the caller waits.
"""

import json
import sys
import threading
from concurrent import futures

try:
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service
    from opentelemetry.proto.trace.v1 import trace_pb2 as trace
except ImportError as error:
    sys.exit(f"missing Python package: {error}; see Tests/requirements.txt")

printing = threading.Lock()


def say(found):
    with printing:
        print(json.dumps(found), flush=True)


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def spans(request):
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield {
                    "trace": span.trace_id.hex(), "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(), "name": span.name,
                    "kind": trace.Span.SpanKind.Name(span.kind),
                    "status": trace.Status.StatusCode.Name(span.status.code),
                    "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                    "attributes": attributes(span.attributes),
                    "resource": attributes(resource_spans.resource.attributes),
                    "scope": scope_spans.scope.name,
                }


class Collector(service.TraceServiceServicer):
    def __init__(self, mood):
        self.mood = mood

    def Export(self, request, context):
        for span in spans(request):
            say(span)
        if self.mood == "refuse":
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
        if self.mood == "hang":
            given_up = threading.Event()
            context.add_callback(given_up.set)
            given_up.wait()
        answer = messages.ExportTraceServiceResponse()
        if self.mood == "refuse-half":
            answer.partial_success.rejected_spans = sum(1 for _ in spans(request)) // 2
            answer.partial_success.error_message = "half is enough"
        return answer


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    service.add_TraceServiceServicer_to_server(Collector(sys.argv[1]), server)
    say({"port": server.add_insecure_port("127.0.0.1:0")})
    server.start()
    server.wait_for_termination()


main()
