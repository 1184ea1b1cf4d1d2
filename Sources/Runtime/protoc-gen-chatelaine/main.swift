import Foundation
import RPCCodeGen

// protoc's plugin protocol: a request on standard input, a response on standard output. With
// `--rewrite-descriptors` a FileDescriptorSet goes in and comes out fit for protoc-gen-c.
let input = [UInt8](FileHandle.standardInput.readDataToEndOfFile())
switch CommandLine.arguments.dropFirst() {
case []:
  FileHandle.standardOutput.write(Data(Generator.respond(to: input)))
case ["--rewrite-descriptors"]:
  FileHandle.standardOutput.write(Data(try DescriptorRewriter.rewrite(input)))
default:
  FileHandle.standardError.write(
    Data("usage: protoc-gen-chatelaine [--rewrite-descriptors] < input > output\n".utf8))
  exit(2)
}
