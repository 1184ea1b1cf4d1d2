import NIOCore
import Testing

@testable import Egress

@Suite struct BodyPipeTests {
  private struct Broken: Error {}

  private func piece(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

  @Test func piecesComeOutAsTheyWentIn() async throws {
    let pipe = BodyPipe()
    let writer = Task {
      for number in 0..<100 { #expect(await pipe.send(piece("\(number)"))) }
      pipe.finish()
    }
    var read: [String] = []
    for try await piece in pipe { read.append(String(buffer: piece)) }
    #expect(read == (0..<100).map { "\($0)" })
    await writer.value
  }

  @Test func theReaderSeesWhyItEnded() async throws {
    let pipe = BodyPipe()
    #expect(await pipe.send(piece("a")))
    pipe.finish(Broken())
    let pieces = pipe.makeAsyncIterator()
    #expect(try await pieces.next().map { String(buffer: $0) } == "a")
    await #expect(throws: Broken.self) { try await pieces.next() }
  }

  @Test func aWriterWithoutAReaderGoesOn() async {
    let pipe = BodyPipe()
    let writer = Task {
      var taken: [Bool] = []
      for number in 0..<3 { taken.append(await pipe.send(piece("\(number)"))) }
      return taken
    }
    pipe.abandon()
    #expect(await writer.value.last == false)
    #expect(await pipe.send(piece("x")) == false)
  }

  @Test func aReaderWithoutAWriterIsLetGo() async {
    let pipe = BodyPipe()
    let reader = Task { () -> Bool in
      let pieces = pipe.makeAsyncIterator()
      return (try? await pieces.next()) == nil
    }
    pipe.abandon()
    #expect(await reader.value)
  }
}
