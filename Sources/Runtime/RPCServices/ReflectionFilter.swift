import CMessages

/// Takes the methods out of a `.proto` file that reflection is not to show, and the services that
/// have none left.
///
/// For the program's own descriptors, never a peer's bytes.
enum ReflectionFilter {
  /// - Parameters:
  ///   - bytes: a packed `google.protobuf.FileDescriptorProto`.
  ///   - methods: full names, e.g. `chatelaine.vault.v1.Vault.GetProviderConfig`.
  /// - Returns: the packed file without the others; nothing where `bytes` are malformed.
  static func file(_ bytes: [UInt8], showing methods: Set<String>) -> [UInt8] {
    guard let file = google__protobuf__file_descriptor_proto__unpack(nil, bytes.count, bytes)
    else { return [] }
    defer { google__protobuf__file_descriptor_proto__free_unpacked(file, nil) }
    let package = text(file.pointee.package)
    // Counts shrink for packing only: whatever was unpacked must be freed.
    let services = UnsafeMutableBufferPointer(
      start: file.pointee.service, count: file.pointee.n_service)
    var methodCounts: [(UnsafeMutablePointer<Google__Protobuf__ServiceDescriptorProto>, Int)] = []
    for service in services.compactMap(\.self) {
      methodCounts.append((service, service.pointee.n_method))
      let name =
        package.isEmpty
        ? text(service.pointee.name) : "\(package).\(text(service.pointee.name))"
      service.pointee.n_method = moveToFront(
        UnsafeMutableBufferPointer(
          start: service.pointee.method, count: service.pointee.n_method)
      ) { methods.contains("\(name).\(text($0.pointee.name))") }
    }
    file.pointee.n_service = moveToFront(services) { $0.pointee.n_method > 0 }
    defer {
      file.pointee.n_service = services.count
      for (service, count) in methodCounts { service.pointee.n_method = count }
    }
    let size = google__protobuf__file_descriptor_proto__get_packed_size(file)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = google__protobuf__file_descriptor_proto__pack(file, buffer.baseAddress)
    }
  }

  /// Puts the elements that are wanted before the others, in their order, and counts them.
  private static func moveToFront<Struct>(
    _ elements: UnsafeMutableBufferPointer<UnsafeMutablePointer<Struct>?>,
    where isWanted: (UnsafeMutablePointer<Struct>) -> Bool
  ) -> Int {
    var count = 0
    for index in elements.indices where elements[index].map(isWanted) ?? false {
      elements.swapAt(count, index)
      count += 1
    }
    return count
  }

  private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }
}
