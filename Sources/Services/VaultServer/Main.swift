import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(VaultConfiguration.self, assemble: VaultServer.assemble)
  }
}
