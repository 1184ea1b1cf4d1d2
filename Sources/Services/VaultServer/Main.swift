import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(
      VaultConfiguration.self, schema: VaultSchema.schema, assemble: VaultServer.assemble)
  }
}
