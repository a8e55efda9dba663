#!/usr/bin/env perl
# How SpamAssassin reads Received fields: one unfolded value a line on standard input, one JSON object a line.
#
#     others.pl [--version]
#
# It passes over what it takes for no handover (`skipped`), and says when it cannot read a line (`unparsed`).
use strict;
use warnings;
use JSON::PP;
use Mail::SpamAssassin;
use Mail::SpamAssassin::Message::Metadata;
use Mail::SpamAssassin::Message::Metadata::Received;

if (@ARGV && $ARGV[0] eq '--version') {
  print Mail::SpamAssassin::Version(), "\n";
  exit 0;
}

my $json = JSON::PP->new->utf8->canonical;
binmode STDIN;
binmode STDOUT;
while (my $line = <STDIN>) {
  chomp $line;
  # A new one for each line, because some lines say how the next is to be read.
  my $reader = bless {}, 'Mail::SpamAssassin::Message::Metadata';
  my $relay = $reader->parse_received_line($line);
  my %answer;
  if ($relay) {
    for my $key (qw(ip helo rdns by id)) {
      my $text = $relay->{$key};
      next if !defined $text || $text eq '';
      utf8::decode($text);
      $answer{$key} = $text;
    }
  } else {
    $answer{defined $relay ? 'skipped' : 'unparsed'} = JSON::PP::true;
  }
  print $json->encode(\%answer), "\n";
}
