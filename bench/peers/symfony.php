<?php
// Symfony Mailer's failover transport over two Postmark accounts; no queue, one mail at a time.
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
require '/usr/share/php/Symfony/Component/Mailer/Bridge/Postmark/autoload.php';
require '/usr/share/php/Symfony/Component/HttpClient/autoload.php';

use Symfony\Component\HttpClient\CurlHttpClient;
use Symfony\Component\HttpClient\ScopingHttpClient;
use Symfony\Component\Mailer\Bridge\Postmark\Transport\PostmarkApiTransport;
use Symfony\Component\Mailer\Mailer;
use Symfony\Component\Mailer\Transport\FailoverTransport;
use Symfony\Component\Mime\Email;

/** Speaks plain HTTP where the transport asks for https, as the other contestants do. */
final class Plain implements Symfony\Contracts\HttpClient\HttpClientInterface
{
    private $inner;

    public function __construct() { $this->inner = new CurlHttpClient(); }

    public function request(string $method, string $url, array $options = []): Symfony\Contracts\HttpClient\ResponseInterface
    {
        return $this->inner->request($method, str_replace('https://', 'http://', $url), $options);
    }

    public function stream($responses, ?float $timeout = null): Symfony\Contracts\HttpClient\ResponseStreamInterface
    {
        return $this->inner->stream($responses, $timeout);
    }

    public function withOptions(array $options): static { return $this; }
}

$client = new Plain();
$far = parse_url(getenv('PROVIDER_URL'));
$account = fn () => (new PostmarkApiTransport('token', $client))->setHost($far['host'])->setPort($far['port']);
$mailer = new Mailer(new FailoverTransport([$account(), $account()]));
$mail = json_decode(file_get_contents(getenv('MAIL')), true);

$cpu = function (): float {
    $used = getrusage();
    return $used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec']
        + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e6;
};
$begun = microtime(true);
$before = $cpu();
for ($number = 0; $number < (int) $argv[1]; $number++) {
    $mailer->send((new Email())
        ->from($mail['from'])->to(...$mail['to'])->subject($mail['subject'])
        ->text($mail['text'])->html($mail['html']));
}
echo json_encode([
    'took' => microtime(true) - $begun,
    'cpu_s' => $cpu() - $before,
    'memory_mib' => memory_get_peak_usage(true) / 1048576,
]), "\n";
