import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(AuthConfiguration.self, assemble: AuthServer.assemble)
  }
}
